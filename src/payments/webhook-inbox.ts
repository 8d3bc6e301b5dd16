/**
 * The provider's events: stored once by their id, answered, and processed afterwards. The events that one
 * process has waiting go in one statement; the next leaves when one is committed.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { sqlState } from '../platform/postgres/pipeline.ts'
import { sql } from '../platform/postgres/pool.ts'
import { handledEventTypes } from './webhook-events.ts'
import type { VerifiedEvent } from './webhook-signature.ts'

interface Pending {
  readonly event: VerifiedEvent
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Events and bytes of one statement, at most; one event may be as large as a body. */
const batchMax = 256
const batchBytes = 2 * 1024 * 1024
/** Statements at once: in a crowd, while one waits for the disk, the next is worked on. */
const inFlightMax = 2
const crowd = 64
/** Events that one process keeps waiting, at most: the provider sends the others again. */
const pendingMax = 5_000

export class WebhookInbox {
  readonly #pool: DatabasePool
  readonly #clock: Pick<Clock, 'turn'>
  readonly #pending: Pending[] = []
  #inFlight = 0

  constructor(pool: DatabasePool, clock: Pick<Clock, 'turn'>) {
    this.#pool = pool
    this.#clock = clock
  }

  /** Resolves when the event is in PostgreSQL, now or from an earlier delivery. Throws `overloaded`. */
  store(event: VerifiedEvent): Promise<void> {
    if (this.#pending.length >= pendingMax) {
      throw new AppError(
        'overloaded',
        'Too many events wait to be stored. Send this event again later.',
      )
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ event, resolve, reject })
      const another = this.#pending.length >= crowd ? inFlightMax : 1
      if (this.#inFlight < another) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#inFlight += 1
    while (this.#pending.length > 0) {
      // What has arrived on other sockets by now comes along.
      await this.#clock.turn()
      const batch = this.#nextBatch()
      if (batch.length > 0) await this.#storeTogether(batch)
    }
    this.#inFlight -= 1
  }

  #nextBatch(): Pending[] {
    let bytes = 0
    let count = 0
    while (count < Math.min(this.#pending.length, batchMax)) {
      bytes += this.#pending[count]?.event.body.length ?? 0
      if (count > 0 && bytes > batchBytes) break
      count += 1
    }
    return this.#pending.splice(0, count)
  }

  async #storeTogether(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#insert(batch.map(({ event }) => event))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      if (batch.length > 1 && isDataError(error)) {
        for (const one of batch) await this.#storeTogether([one])
        return
      }
      const unusable = new AppError('validation_failed', 'The event cannot be stored.')
      for (const { reject } of batch) reject(isDataError(error) ? unusable : error)
    }
  }

  /** The bodies are JSON already, so they go as one array: nothing is quoted twice. */
  async #insert(events: readonly VerifiedEvent[]): Promise<void> {
    const bodies = `[${events.map(({ body }) => body).join(',')}]`
    const rows = events.map((event) => {
      const { id, type } = event
      const { intentId, received, currency } = toldBy(event)
      return [
        id,
        type,
        handledEventTypes.has(type) ? 'stored' : 'ignored',
        intentId,
        received,
        currency,
      ]
    })
    await this.#pool.query(sql.typeAlias('none')`
      insert into webhook_events (id, type, payload, state, told_intent_id, told_received, told_currency)
      select row.id, row.type, body.payload, row.state, row.intent_id, row.received, row.currency
        from json_array_elements(${bodies}::json) with ordinality as body (payload, n)
        join rows from (${sql.unnest(rows, ['text', 'text', 'text', 'text', 'int8', 'text'])}) with ordinality
          as row (id, type, state, intent_id, received, currency, n) using (n)
      on conflict (id) do nothing`)
  }
}

/** What a success of the shop's own account says. Anything odd says nothing here: then the event is handled whole. */
const Told = z.object({
  account: z.null().optional(),
  data: z.object({
    object: z.object({
      id: z.string().regex(/^\w{1,100}$/),
      amount_received: z.int().nonnegative(),
      currency: z.string().regex(/^[a-z]{3}$/),
    }),
  }),
})

interface Facts {
  readonly intentId: string | null
  readonly received: number | null
  readonly currency: string | null
}

const nothingTold: Facts = { intentId: null, received: null, currency: null }

function toldBy({ type, body, read }: VerifiedEvent): Facts {
  if (type !== 'payment_intent.succeeded') return nothingTold
  const told = Told.safeParse(read ?? parse(body))
  if (!told.success) return nothingTold
  const { id, amount_received, currency } = told.data.data.object
  return { intentId: id, received: amount_received, currency: currency.toUpperCase() }
}

/** What cannot be read here may still be JSON to PostgreSQL, which has the last word. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** PostgreSQL takes a little less than JSON allows: no text without end, no nesting without bounds. */
function isDataError(error: unknown): boolean {
  for (let current = error, depth = 0; depth < 4 && current instanceof Error; depth += 1) {
    if (/^(22|54)/.test(sqlState(current) ?? '')) return true
    current = current.cause
  }
  return false
}
