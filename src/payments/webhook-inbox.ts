/**
 * The provider's events: stored once by their id, answered, and processed afterwards. The events
 * that one process has waiting go in one statement; the next leaves when one is committed.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { withCauses } from '../kernel/causes.ts'
import type { Clock } from '../kernel/clock.ts'
import { Coalescer } from '../kernel/coalescer.ts'
import { AppError } from '../kernel/errors.ts'
import { sqlState } from '../platform/postgres/pipeline.ts'
import { sql } from '../platform/postgres/pool.ts'
import { handledEventTypes } from './event-types.ts'
import type { VerifiedEvent } from './webhook-signature.ts'

/** Events and bytes of one statement, at most; one event may be as large as a body. */
const batchMax = 256
const batchBytes = 2 * 1024 * 1024
/** Statements at once: in a crowd, while one waits for the disk, the next is worked on. */
const inFlightMax = 2
const crowd = 64
/** Events that one process keeps waiting, at most: the provider sends the others again. */
const pendingMax = 5_000

type Outcome = PromiseSettledResult<unknown>
const stored: Outcome = { status: 'fulfilled', value: undefined }

/**
 * The inbox of one API process; the webhook route stores verified events in it. Stores only: a job
 * processes them later.
 */
export class WebhookInbox {
  readonly #pool: DatabasePool
  readonly #together: Coalescer<VerifiedEvent, Outcome>

  constructor(pool: DatabasePool, clock: Pick<Clock, 'turn'>) {
    this.#pool = pool
    this.#together = new Coalescer({
      run: (events) => this.#storeTogether(events),
      batchMax,
      bytes: { max: batchBytes, of: ({ body }) => body.length },
      waitingMax: pendingMax,
      overloaded: 'Too many events wait to be stored. Send this event again later.',
      crowd: { waiting: crowd, runsMax: inFlightMax },
      // What has arrived on other sockets by now comes along.
      gather: () => clock.turn(),
    })
  }

  /**
   * Resolves when the event is in PostgreSQL, now or from an earlier delivery. @throws AppError
   * overloaded when too many wait, validation_failed when PostgreSQL cannot take it; else the
   * pool's errors.
   */
  async store(event: VerifiedEvent): Promise<void> {
    const outcome = await this.#together.ask(event)
    if (outcome.status === 'rejected') throw outcome.reason
  }

  async #storeTogether(events: readonly VerifiedEvent[]): Promise<readonly Outcome[]> {
    try {
      await this.#insert(events)
      return events.map(() => stored)
    } catch (error) {
      if (!isDataError(error)) throw error
      if (events.length === 1) {
        throw new AppError('validation_failed', 'The event cannot be stored.')
      }
    }
    // One of them is to blame: alone, the others get through.
    const outcomes: Outcome[] = []
    for (const event of events) {
      outcomes.push(...(await Promise.allSettled([this.#storeTogether([event])])))
    }
    return outcomes
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

/**
 * What a success of the shop's own account says. Anything odd says nothing here: then the event is
 * handled whole.
 */
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

/**
 * PostgreSQL takes a little less than JSON allows: no text without end, no nesting without bounds.
 */
function isDataError(error: unknown): boolean {
  return withCauses(error).some((each) => /^(22|54)/.test(sqlState(each) ?? ''))
}
