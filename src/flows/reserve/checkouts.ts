/** Checkouts from the buyer's side: place, look, wait. */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { settlesWithin } from '../../kernel/settles-within.ts'
import type { CheckoutIdParts, CheckoutIds } from '../../stock/protocol/checkout-id.ts'
import { partitionOf } from '../../stock/protocol/partition.ts'
import { fingerprintOf } from '../../stock/protocol/request-record.ts'
import {
  type CheckoutView,
  findByKey,
  findCheckout,
  generationOf,
  type StoredCheckout,
} from './checkout-repository.ts'
import type { Results } from './results.ts'
import {
  type Line,
  type Purchase,
  type Refusal,
  type ReservationStrategy,
  type ReserveOutcome,
  refused,
} from './strategy.ts'

/** What checkouts are built from. */
export interface CheckoutsDeps {
  readonly pool: DatabasePool
  readonly ids: CheckoutIds
  readonly strategy: ReservationStrategy
  readonly results: Results
  readonly clock: Clock
}

/** A purchase as a route hands it in, with how long its client wants to wait. */
export interface PlaceRequest {
  readonly buyerId: string
  /** As sent; equal SKUs are merged. */
  readonly lines: readonly Line[]
  /** The Idempotency-Key. */
  readonly key: string
  /** What the key stands for, where that is not just the lines. */
  readonly fingerprint?: string
  /** How long to wait for the commit, in milliseconds; 0: not at all. */
  readonly waitMs: number
  /** Ends the waiting when the client has gone. */
  readonly signal?: AbortSignal
}

/** The purchase was admitted; `replayed` when its key had been used before, for this checkout. */
export interface Placed {
  readonly tag: 'placed'
  readonly checkout: CheckoutView
  readonly replayed: boolean
}

/** How often a waiting request looks into PostgreSQL itself, should a message have been lost. */
const lookEveryMs = 250

/** Checkouts for the routes that place, show and pay them; one for each API process. */
export class Checkouts {
  readonly #deps: CheckoutsDeps

  constructor(deps: CheckoutsDeps) {
    this.#deps = deps
  }

  /**
   * Admits a purchase, or answers why not; then nothing was created. A refusal that needs no round
   * trip comes at once: in a flash sale it is what most get. Refuses as the strategy, or with
   * `idempotency_key_reused`; rejects when PostgreSQL is away, perhaps after the admission.
   */
  place(request: PlaceRequest): Promise<Placed | Refusal> | Refusal {
    const lines = mergeLines(request.lines)
    const { fingerprint = fingerprintOf(lines) } = request
    const purchase = { ...request, lines, fingerprint }
    if (request.waitMs > 0) return this.#placeAndWait(request, purchase)
    const outcome = this.#deps.strategy.reserve(purchase)
    if (outcome instanceof Promise) return outcome.then((later) => this.#answer(purchase, later))
    return outcome.tag === 'refused' ? outcome : Promise.resolve(this.#answer(purchase, outcome))
  }

  async #placeAndWait(request: PlaceRequest, purchase: Purchase): Promise<Placed | Refusal> {
    const { clock, strategy } = this.#deps
    const deadline = clock.monotonic() + request.waitMs
    await this.#soon(this.#listen(purchase.lines), request.waitMs)
    const placed = await this.#answer(purchase, await strategy.reserve(purchase))
    if (placed.tag === 'refused' || placed.checkout.status !== 'queued') return placed
    const leftMs = deadline - clock.monotonic()
    const { buyerId, signal } = request
    const checkout = await this.#awaitCommit(placed.checkout, buyerId, leftMs, signal)
    return this.#unlessReused({ ...placed, checkout }, buyerId)
  }

  #answer(
    purchase: Purchase,
    outcome: ReserveOutcome,
  ): Promise<Placed | Refusal> | Placed | Refusal {
    if (outcome.tag === 'refused') return outcome
    const { checkoutId } = outcome
    if (outcome.tag === 'repeated') {
      return outcome.fingerprint === purchase.fingerprint
        ? this.#placed(checkoutId, purchase.buyerId, true)
        : keyReused
    }
    if (outcome.status === 'reserved') return this.#placed(checkoutId, purchase.buyerId, false)
    const checkout = queuedView(checkoutId, purchase.lines, outcome.remaining)
    return { tag: 'placed', checkout, replayed: false }
  }

  async #placed(id: string, buyerId: string, replayed: boolean): Promise<Placed | Refusal> {
    const checkout = await this.get(id, buyerId)
    return this.#unlessReused({ tag: 'placed', checkout, replayed }, buyerId)
  }

  /**
   * The gates of two partitions cannot see one key used at both; the ledger does, and then it is
   * told here.
   */
  async #unlessReused(placed: Placed, buyerId: string): Promise<Placed | Refusal> {
    const { id, status } = placed.checkout
    if (status !== 'rejected') return placed
    const rejected = await findCheckout(this.#deps.pool, id, buyerId)
    return rejected?.duplicateOf ? keyReused : placed
  }

  /**
   * For a cart that is empty by now: what the key was used for before, or null; refuses with
   * `idempotency_key_reused` when the fingerprint is another.
   */
  async replay(
    buyerId: string,
    key: string,
    fingerprint: string,
  ): Promise<Placed | Refusal | null> {
    const found = await findByKey(this.#deps.pool, buyerId, key)
    if (!found) return null
    return found.fingerprint === fingerprint ? this.#placed(found.id, buyerId, true) : keyReused
  }

  /**
   * For GET /api/checkouts/:id: a checkout of this buyer's; `queued` or `lost` before its commit.
   * @throws AppError not_found; PostgreSQL's errors.
   */
  async get(id: string, buyerId: string): Promise<CheckoutView> {
    const found = await this.#find(id, buyerId)
    if (found) return found
    const parts = this.#deps.ids.read(id, buyerId)
    if (!parts) throw noCheckout()
    if (await this.#isCurrent(parts)) return queuedView(id, [])
    // Its generation is closed, so nothing of it can still be committed: now or never.
    return (await this.#find(id, buyerId)) ?? { ...queuedView(id, []), status: 'lost' }
  }

  /** As {@link get}, but waits up to `ms` milliseconds while the checkout is queued. */
  async getCommitted(id: string, buyerId: string, ms: number): Promise<CheckoutView> {
    const found = await this.get(id, buyerId)
    const parts = found.status === 'queued' && this.#deps.ids.read(id, buyerId)
    if (!parts) return found
    await this.#soon(this.#deps.results.listen(parts.partition), ms)
    return this.#awaitCommit(found, buyerId, ms)
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
    await Promise.all([...partitions].map((partition) => this.#deps.results.listen(partition)))
  }

  /**
   * Messages only hurry things: without them, or before a silent subscriber is back, a request
   * looks for itself.
   */
  async #soon(listening: Promise<void>, waitMs: number): Promise<void> {
    await settlesWithin(this.#deps.clock, Math.min(waitMs, lookEveryMs), listening)
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
      // It is admitted, whatever PostgreSQL can tell about it now: queued is then all that is
      // known.
      const found = await this.get(queued.id, buyerId).catch(() => queued)
      if (found.status !== 'queued') return found
      // A result that is remembered comes at once, again and again.
      if (result) await this.#deps.clock.sleep(Math.min(left, lookEveryMs), signal)
    }
  }
}

/**
 * For whoever places lines: one line for each SKU, in SKU order; gates are asked in this order by
 * everybody. Throws nothing.
 */
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

const keyReused = refused(
  'idempotency_key_reused',
  'This Idempotency-Key was used with another body before.',
)

/**
 * For the flows that look for a buyer's checkout: makes the AppError not_found, for somebody else's
 * and for none at all. Nobody learns which. Makes it, does not throw it.
 */
export function noCheckout(): AppError {
  return new AppError('not_found', 'There is no such checkout.')
}
