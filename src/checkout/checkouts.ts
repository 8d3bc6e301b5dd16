/** Checkouts from the buyer's side: place, look, wait, give back. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { CheckoutIdParts, CheckoutIds } from '../stock/checkout-id.ts'
import { partitionOf } from '../stock/partition.ts'
import { fingerprintOf } from '../stock/request-record.ts'
import {
  type CheckoutView,
  findCheckout,
  generationOf,
  type StoredCheckout,
} from './checkout-repository.ts'
import { releaseUnits } from './end-checkout.ts'
import type { Results } from './results.ts'
import type { Line, ReservationStrategy } from './strategy.ts'

export interface CheckoutsDeps {
  readonly pool: DatabasePool
  readonly ids: CheckoutIds
  readonly strategy: ReservationStrategy
  readonly results: Results
  readonly clock: Clock
}

export interface PlaceRequest {
  readonly buyerId: string
  /** As sent; equal SKUs are merged. */
  readonly lines: readonly Line[]
  readonly key: string
  /** How long to wait for the commit; 0: not at all. */
  readonly waitMs: number
  /** Ends the waiting when the client has gone. */
  readonly signal?: AbortSignal
}

export interface Placed {
  readonly checkout: CheckoutView
  readonly replayed: boolean
}

/** How often a waiting request looks into PostgreSQL itself, should a message have been lost. */
const lookEveryMs = 250

export class Checkouts {
  readonly #deps: CheckoutsDeps

  constructor(deps: CheckoutsDeps) {
    this.#deps = deps
  }

  /** Admits a purchase. Throws the refusal as {@link AppError}; then nothing was created. */
  async place(request: PlaceRequest): Promise<Placed> {
    const { buyerId, key, waitMs } = request
    const lines = mergeLines(request.lines)
    const fingerprint = fingerprintOf(lines)
    if (waitMs > 0) await this.#listen(lines)
    const started = this.#deps.clock.monotonic()
    const outcome = await this.#deps.strategy.reserve({ buyerId, lines, key, fingerprint })
    if (outcome.tag === 'refused') throw new AppError(outcome.code, outcome.detail, outcome.extras)
    if (outcome.tag === 'repeated' && outcome.fingerprint !== fingerprint) {
      throw new AppError('idempotency_key_reused', 'This key came with another body before.')
    }
    const replayed = outcome.tag === 'repeated'
    const { checkoutId } = outcome
    const leftMs = waitMs - (this.#deps.clock.monotonic() - started)
    if (outcome.tag === 'accepted' && outcome.status === 'queued') {
      const queued = queuedView(checkoutId, lines, outcome.remaining)
      if (leftMs <= 0) return { checkout: queued, replayed }
      return {
        checkout: await this.#awaitCommit(queued, buyerId, leftMs, request.signal),
        replayed,
      }
    }
    const found = await this.get(checkoutId, buyerId)
    const waits = found.status === 'queued' && leftMs > 0
    return {
      checkout: waits ? await this.#awaitCommit(found, buyerId, leftMs, request.signal) : found,
      replayed,
    }
  }

  /** A checkout of this buyer's; throws `not_found`. */
  async get(id: string, buyerId: string): Promise<CheckoutView> {
    const found = await this.#find(id, buyerId)
    if (found) return found
    const parts = this.#deps.ids.read(id, buyerId)
    if (!parts) throw notFound()
    if (await this.#isCurrent(parts)) return queuedView(id, [])
    // Its generation is closed, so nothing of it can still be committed: now or never.
    return (await this.#find(id, buyerId)) ?? { ...queuedView(id, []), status: 'lost' }
  }

  /** Gives the hold back; any number of times. Throws `invalid_transition` once money is involved. */
  async cancel(id: string, buyerId: string): Promise<void> {
    const commands = await this.#deps.pool.transaction(async (tx) => {
      const status = await tx.maybeOneFirst(sql.type(StatusRow)`
        select status from checkouts where id = ${id} and buyer_id = ${buyerId} for update`)
      if (status === null) {
        if (!this.#deps.ids.read(id, buyerId)) throw notFound()
        // Not committed yet: the tombstone makes the actor give the units back when it gets there. If the
        // actor is faster by a moment, its row wins and is cancelled below.
        const buried = await tx.maybeOne(sql.typeAlias('id')`
          insert into checkouts (id, buyer_id, status, reason) values (${id}, ${buyerId}, 'cancelled', 'by buyer')
          on conflict (id) do nothing returning id`)
        if (buried) return []
        await tx.query(sql.typeAlias('none')`
          select from checkouts where id = ${id} and buyer_id = ${buyerId} for update`)
      } else if (status === 'paying' || status === 'confirmed') {
        throw new AppError(
          'invalid_transition',
          `A checkout that is ${status} cannot be given back.`,
        )
      }
      const ended = await tx.maybeOne(sql.typeAlias('id')`
        with ended as (
          update checkouts set status = 'cancelled', reason = 'by buyer'
           where id = ${id} and buyer_id = ${buyerId} and status in ('reserved', 'assembling') returning id),
        order_ended as (
          update orders set status = 'cancelled' where id in (select id from ended)),
        lines_ended as (
          update order_lines set status = 'cancelled' where order_id in (select id from ended))
        select id from ended`)
      return ended ? releaseUnits(tx, [id], 'cancelled by the buyer') : []
    })
    await this.#deps.strategy.post(commands)
  }

  async #find(id: string, buyerId: string): Promise<CheckoutView | null> {
    const found = await findCheckout(this.#deps.pool, id, buyerId)
    if (!found?.duplicateOf) return found?.view ?? null
    // The loser of a race over one key: an equal body is answered with the winner.
    const winner: StoredCheckout | null = await findCheckout(
      this.#deps.pool,
      found.duplicateOf,
      buyerId,
    )
    return winner && winner.fingerprint === found.fingerprint ? winner.view : found.view
  }

  async #isCurrent({ partition, generation }: CheckoutIdParts): Promise<boolean> {
    return (await generationOf(this.#deps.pool, partition)) % 256 === generation
  }

  async #listen(lines: readonly Line[]): Promise<void> {
    const partitions = new Set(lines.map(({ sku }) => partitionOf(sku)))
    await Promise.all(
      [...partitions].map((partition) => this.#deps.results.listen(partition)),
    ).catch(
      () => {}, // Without the messages the request still looks for itself.
    )
  }

  async #awaitCommit(
    queued: CheckoutView,
    buyerId: string,
    ms: number,
    signal?: AbortSignal,
  ): Promise<CheckoutView> {
    const deadline = this.#deps.clock.monotonic() + ms
    for (;;) {
      const left = deadline - this.#deps.clock.monotonic()
      if (left <= 0 || signal?.aborted) return queued
      const result = await this.#deps.results.wait(queued.id, Math.min(left, lookEveryMs), signal)
      if (result?.status === 'reserved' && queued.items.length > 0) {
        const { total, currency, expiresAtMs } = result
        const expiresAt = new Date(expiresAtMs).toISOString()
        return { ...queued, status: 'reserved', orderId: queued.id, total, currency, expiresAt }
      }
      const found = await this.get(queued.id, buyerId)
      if (found.status !== 'queued') return found
    }
  }
}

/** One line for each SKU, in SKU order: gates are asked in this order by everybody. */
export function mergeLines(lines: readonly Line[]): Line[] {
  if (lines.length === 1) return [...lines]
  const merged = new Map<string, number>()
  for (const { sku, quantity } of lines) merged.set(sku, (merged.get(sku) ?? 0) + quantity)
  return [...merged]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

function queuedView(id: string, lines: readonly Line[], remaining?: number): CheckoutView {
  return {
    id,
    status: 'queued',
    position: null,
    etaSeconds: null,
    orderId: null,
    total: null,
    currency: null,
    expiresAt: null,
    items: [...lines],
    ...(remaining === undefined ? {} : { remaining }),
  }
}

function notFound(): AppError {
  return new AppError('not_found', 'There is no such checkout.')
}

const StatusRow = z.object({ status: z.string() })
