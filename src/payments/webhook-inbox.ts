/**
 * The provider's events: stored once by their id, answered, and processed afterwards. The events that one
 * process has waiting go in one statement; the next leaves when one is committed.
 */
import type { DatabasePool } from 'slonik'
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
/** Statements at once: while one waits for the disk, the next is worked on. */
const inFlightMax = 2
/** Events that one process keeps waiting, at most: the provider sends the others again. */
const pendingMax = 5_000

export class WebhookInbox {
  readonly #pool: DatabasePool
  readonly #pending: Pending[] = []
  #inFlight = 0

  constructor(pool: DatabasePool) {
    this.#pool = pool
  }

  /** Resolves when the event is in PostgreSQL, now or from an earlier delivery. Throws `overloaded`. */
  store(event: VerifiedEvent): Promise<void> {
    if (this.#pending.length >= pendingMax) {
      throw new AppError('overloaded', 'Too many events wait to be stored. Send it again later.')
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ event, resolve, reject })
      if (this.#inFlight < inFlightMax) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#inFlight += 1
    while (this.#pending.length > 0) await this.#storeTogether(this.#nextBatch())
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
    const rows = events.map(({ id, type }) => [
      id,
      type,
      handledEventTypes.has(type) ? 'stored' : 'ignored',
    ])
    await this.#pool.query(sql.typeAlias('none')`
      insert into webhook_events (id, type, payload, state)
      select row.id, row.type, body.payload, row.state
        from json_array_elements(${bodies}::json) with ordinality as body (payload, n)
        join rows from (${sql.unnest(rows, ['text', 'text', 'text'])}) with ordinality
          as row (id, type, state, n) using (n)
      on conflict (id) do nothing`)
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
