/**
 * Stored events of the provider on their way to an effect: claimed, processed, retried, parked,
 * replayed.
 */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import type { Stripe } from 'stripe'
import { z } from 'zod'
import type { Random } from '../kernel/random.ts'
import { settleInGroups } from '../kernel/settle-in-groups.ts'
import { sql, unflushed } from '../platform/postgres/pool.ts'
import { defaultRetries, failureOf, type RetryPolicy } from '../platform/retries.ts'
import type { Logger } from '../platform/telemetry/logger.ts'

/**
 * Settles what an event says. Any event may come twice, late, and before one that was made earlier.
 * Rejecting has it tried again, in the end parked.
 */
export type StripeEventHandler = (event: Stripe.Event) => Promise<'processed' | 'ignored'>

/** What the relay of a worker processes events with. */
export interface WebhookProcessing {
  readonly pool: DatabasePool
  readonly handle: StripeEventHandler
  readonly log: Logger
  readonly random: Random
  readonly retries?: RetryPolicy
}

const requeueSeconds = 30
/** Events that are worked on at once, of one batch. */
const parallel = 4

/**
 * Facts tell all there is to know; after a hint, the provider is asked. They wait apart, with an
 * index each, and a relay works on each.
 */
export type WebhookQueue = 'facts' | 'hints'

/** In the words of the indexes' predicates, or the planner would not know them. */
const isFact = sql.fragment`(type = 'payment_intent.succeeded' or type like 'refund.%')`
const inQueue = { facts: isFact, hints: sql.fragment`not ${isFact}` } as const

/**
 * For the relays, a subquery: when the first stored event of a queue is due, or was. No row when
 * none is stored. Makes SQL only, and never throws.
 */
export const firstDueWebhook = (queue: WebhookQueue) => sql.fragment`
  select due_at from webhook_events where state = 'stored' and ${inQueue[queue]} order by due_at limit 1`

/**
 * For the relays: takes up to `limit` stored events that are due, and answers their ids. Two
 * callers never take one event; one that is not ended is due again after 30 seconds. Rejects with
 * PostgreSQL's errors.
 */
export async function claimDueWebhooks(
  pool: DatabasePool,
  queue: WebhookQueue,
  limit: number,
): Promise<string[]> {
  const rows = await pool.any(sql.typeAlias('id')`
    update webhook_events set due_at = now() + make_interval(secs => ${requeueSeconds})
     where ${unflushed} and id in (
       select id from webhook_events where state = 'stored' and ${inQueue[queue]} and due_at <= now()
        order by due_at limit ${limit} for update skip locked)
    returning id`)
  return rows.map(({ id }) => id)
}

/**
 * For the relays: processes those of `ids` that are still only stored. An event that fails is tried
 * again later or parked. Rejects only when PostgreSQL is away.
 */
export async function processWebhooks(
  deps: WebhookProcessing,
  ids: readonly string[],
): Promise<void> {
  await closeKnown(deps.pool, ids)
  // The state is looked at here: as a condition it would lead the planner to the index of all that is stored.
  const claimed = await deps.pool.any(sql.type(StoredRow)`
    select id, type, payload, attempts, state from webhook_events
     where id = any(${sql.array([...ids], 'text')}) order by received_at, id`)
  const events = claimed.filter(({ state }) => state === 'stored')
  const ended: Record<'processed' | 'ignored', string[]> = { processed: [], ignored: [] }
  const outcomes = await settleInGroups(events, parallel, async ({ payload }) =>
    deps.handle(payload as Stripe.Event),
  )
  for (const [i, event] of events.entries()) {
    const outcome = outcomes[i]
    if (outcome?.status === 'fulfilled') ended[outcome.value].push(event.id)
    else await fail(deps, event, outcome?.reason)
  }
  await end(deps.pool, ended.processed, 'processed')
  await end(deps.pool, ended.ignored, 'ignored')
}

async function end(
  pool: CommonQueryMethods,
  ids: readonly string[],
  state: 'processed' | 'ignored',
): Promise<void> {
  if (ids.length === 0) return
  await pool.query(sql.typeAlias('none')`
    update webhook_events set state = ${state}, processed_at = now(), last_error = null
     where id = any(${sql.array([...ids], 'text')}) and processed_at is null and ${unflushed}`)
}

/**
 * Most events tell what the reply to our own request has told before: those are closed together,
 * without looking at them one by one. The amounts must be those that were settled; any other event
 * is handled.
 */
async function closeKnown(pool: CommonQueryMethods, ids: readonly string[]): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    with told as materialized (
      select e.id from unnest(${sql.array([...ids], 'text')}) as mine (id)
       cross join lateral (select * from webhook_events where id = mine.id offset 0) as e
       cross join lateral (
         select status, captured, currency from payments where intent_id = e.told_intent_id offset 0) as p
       where e.processed_at is null and p.status = 'succeeded' and p.captured = e.told_received
         and p.currency = e.told_currency)
    update webhook_events e set state = 'processed', processed_at = now()
      from told where e.id = told.id and e.processed_at is null and ${unflushed}`)
}

async function fail(
  { pool, log, random, retries = defaultRetries }: WebhookProcessing,
  event: { readonly id: string; readonly type: string; readonly attempts: number },
  error: unknown,
): Promise<void> {
  const { message, retryInMs } = failureOf(error, event.attempts, retries, random)
  await pool.query(sql.typeAlias('none')`
    update webhook_events set attempts = attempts + 1, last_error = ${message},
        state = ${retryInMs === null ? 'parked' : 'stored'},
        due_at = now() + make_interval(secs => ${retryInMs ?? 0} / 1000.0)
     where id = ${event.id} and state = 'stored'`)
  const about = { err: error, event: event.id, type: event.type, attempts: event.attempts + 1 }
  if (retryInMs === null)
    log.error(about, 'a webhook failed for good; it is parked for an operator')
  else log.warn(about, `a webhook failed; trying again in ${retryInMs} ms`)
}

/**
 * For the walk over the provider's events: those of `ids` that were never stored. Rejects with
 * PostgreSQL's errors.
 */
export async function unknownIds(
  pool: CommonQueryMethods,
  ids: readonly string[],
): Promise<readonly string[]> {
  if (ids.length === 0) return []
  const rows = await pool.any(sql.typeAlias('id')`
    select id from unnest(${sql.array([...ids], 'text')}) as told (id)
     where not exists (select from webhook_events e where e.id = told.id)`)
  return rows.map(({ id }) => id)
}

/** An event that was given up, as operators see it. */
export interface ParkedWebhook {
  readonly id: string
  readonly type: string
  readonly attempts: number
  readonly lastError: string | null
  readonly receivedAt: Date
}

/**
 * For the operators' route: events that were given up, the newest first. `before` is the last one
 * seen, its time in whole milliseconds; null begins. Rejects with PostgreSQL's errors.
 */
export async function parkedWebhooks(
  pool: DatabasePool,
  page: {
    readonly limit: number
    readonly before: { readonly receivedAt: Date; readonly id: string } | null
  },
): Promise<readonly ParkedWebhook[]> {
  // In milliseconds, as a page's mark is.
  const at = sql.fragment`date_trunc('milliseconds', received_at)`
  const older = page.before
    ? sql.fragment`and (${at}, id) < (${sql.timestamp(page.before.receivedAt)}, ${page.before.id})`
    : sql.fragment``
  return pool.any(sql.type(ParkedRow)`
    select id, type, attempts, last_error as "lastError", ${at} as "receivedAt"
      from webhook_events where state = 'parked' ${older}
     order by ${at} desc, id desc limit ${page.limit}`)
}

/** Where an event stands: to be processed, ended in one of two ways, or given up. */
export type WebhookState = 'stored' | 'processed' | 'ignored' | 'parked'

/**
 * For the operators' route: puts a parked event back with a fresh count. Answers its state
 * afterwards, or null when there is no such event. Any other state stays as it is. Rejects with
 * PostgreSQL's errors.
 */
export async function replayWebhook(
  pool: CommonQueryMethods,
  id: string,
): Promise<WebhookState | null> {
  await pool.query(sql.typeAlias('none')`
    update webhook_events set state = 'stored', attempts = 0, due_at = now()
     where id = ${id} and state = 'parked'`)
  return pool.maybeOneFirst(sql.type(StateRow)`select state from webhook_events where id = ${id}`)
}

/**
 * For the job that forgets old events: deletes up to `limit` ended ones that came `days` days ago
 * or earlier; answers how many. Rejects with PostgreSQL's errors.
 */
export async function forgetOldWebhooks(
  pool: DatabasePool,
  { days, limit }: { readonly days: number; readonly limit: number },
): Promise<number> {
  const deleted = await pool.query(sql.typeAlias('none')`
    delete from webhook_events where id in (
      select id from webhook_events
       where state in ('processed', 'ignored') and received_at < now() - make_interval(days => ${days})
       limit ${limit})`)
  return deleted.rowCount
}

const StoredRow = z.object({
  id: z.string(),
  type: z.string(),
  payload: z.unknown(),
  attempts: z.number(),
  state: z.string(),
})
const ParkedRow = z.object({
  id: z.string(),
  type: z.string(),
  attempts: z.number(),
  lastError: z.string().nullable(),
  receivedAt: z.date(),
})
const StateRow = z.object({ state: z.enum(['stored', 'processed', 'ignored', 'parked']) })
