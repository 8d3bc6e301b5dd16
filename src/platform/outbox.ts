/**
 * Events written in the same transaction as their facts. A row is closed by its handler's effect, not by
 * having been queued: until then it is queued again, whatever becomes of the queue.
 */
import type { CommonQueryMethods, DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql, unflushed } from './postgres/pool.ts'
import type { RowFailure } from './retries.ts'

export type OutboxPayload = Readonly<Record<string, string | number | boolean | null>>

export interface OutboxRow {
  readonly topic: string
  /** Names the fact: there is one event for each topic and key, and one effect. */
  readonly key: string
  readonly payload: OutboxPayload
}

export interface OutboxEvent extends OutboxRow {
  readonly id: number
  /** Failed tries so far. */
  readonly attempts: number
}

/** Writes an event with its fact. A second one of the same topic and key is none; then it returns false. */
export async function appendOutbox(
  tx: DatabaseTransactionConnection,
  topic: string,
  key: string,
  payload: OutboxPayload = {},
): Promise<boolean> {
  return (await appendOutboxRows(tx, [{ topic, key, payload }])) === 1
}

/** As {@link appendOutbox}, any number in one statement; returns how many were new. */
export async function appendOutboxRows(
  tx: DatabaseTransactionConnection,
  rows: readonly OutboxRow[],
): Promise<number> {
  if (rows.length === 0) return 0
  const values = rows.map(({ topic, key, payload }) => [topic, key, JSON.stringify(payload)])
  const written = await tx.query(sql.typeAlias('none')`
    insert into outbox (topic, key, payload)
    select * from ${sql.unnest(values, ['text', 'text', 'jsonb'])}
    on conflict do nothing`)
  return written.rowCount
}

/** A row that was queued and is still open after this long is queued again. */
const requeueSeconds = 30

/** Mails to send: many, and slow. */
export const mailTopic = 'mail'
/** Intents that the payment provider is to cancel; it may be away. */
export const cancelTopic = 'payment.cancel'

/** What is slow waits apart from all other facts, with an index for each queue. */
export type OutboxQueue = 'facts' | 'mails' | 'cancels'

/** In the words of the indexes' predicates, or the planner would not know them. */
const inQueue = {
  facts: sql.fragment`topic not in ('mail', 'payment.cancel')`,
  mails: sql.fragment`topic = 'mail'`,
  cancels: sql.fragment`topic = 'payment.cancel'`,
} as const

/** A subquery: when the first open row of a queue is due, or was. */
export const firstDueEvent = (queue: OutboxQueue) => sql.fragment`
  select due_at from outbox where ${inQueue[queue]} and done_at is null and parked_at is null
   order by due_at limit 1`

/** Takes up to `limit` open rows of a queue that are due. Two callers never take one row. */
export async function claimDueEvents(
  pool: CommonQueryMethods,
  queue: OutboxQueue,
  limit: number,
): Promise<number[]> {
  const rows = await pool.any(sql.type(IdRow)`
    update outbox set due_at = now() + make_interval(secs => ${requeueSeconds})
     where ${unflushed} and id in (
       select id from outbox
        where ${inQueue[queue]} and done_at is null and parked_at is null and due_at <= now()
        order by due_at limit ${limit} for update skip locked)
    returning id`)
  return rows.map(({ id }) => id).sort((a, b) => a - b)
}

/** Those of `ids` that are still open, in the order in which they were written. */
export async function openEvents(
  pool: CommonQueryMethods,
  ids: readonly number[],
): Promise<readonly OutboxEvent[]> {
  // What is open is told apart here: as a condition it would lead the planner to the index of all that is open.
  const rows = await pool.any(sql.type(EventRow.extend({ open: z.boolean() }))`
    select id, topic, key, payload, attempts, done_at is null and parked_at is null as open from outbox
     where id = any(${sql.array([...ids], 'int8')}) order by id`)
  return rows.flatMap(({ open, ...event }) => (open ? [event] : []))
}

/**
 * Closes rows and keeps them locked until `tx` ends; returns the ids of those that were open. The commit
 * need not reach the disk at once: closing and effect are lost together, and the effect comes again.
 */
export async function closeEvents(
  tx: CommonQueryMethods,
  ids: readonly number[],
): Promise<ReadonlySet<number>> {
  if (ids.length === 0) return new Set()
  const closed = await tx.any(sql.type(IdRow)`
    with mine as (
      select id from outbox where id = any(${sql.array([...ids], 'int8')}) and done_at is null
       order by id for update)
    update outbox set done_at = now(), parked_at = null from mine
     where outbox.id = mine.id and ${unflushed} returning outbox.id`)
  return new Set(closed.map(({ id }) => id))
}

/** Notes failures: each row is due again later, or parked. */
export async function noteEventFailures(
  pool: CommonQueryMethods,
  failures: readonly (RowFailure & { readonly id: number })[],
): Promise<void> {
  if (failures.length === 0) return
  const rows = failures.map(({ id, message, retryInMs }) => [id, message, retryInMs])
  await pool.query(sql.typeAlias('none')`
    update outbox o set attempts = o.attempts + 1, last_error = f.message,
        due_at = now() + make_interval(secs => coalesce(f.retry_ms, 0) / 1000.0),
        parked_at = case when f.retry_ms is null then now() end
      from ${sql.unnest(rows, ['int8', 'text', 'int8'])} as f (id, message, retry_ms)
     where o.id = f.id and o.done_at is null`)
}

export interface ParkedEvent extends OutboxEvent {
  readonly lastError: string | null
  readonly createdAt: Date
  readonly parkedAt: Date
}

/** What was given up, the newest first; `before` is the id of the last one seen. */
export async function parkedEvents(
  pool: DatabasePool,
  page: { readonly limit: number; readonly before: number | null },
): Promise<readonly ParkedEvent[]> {
  return pool.any(sql.type(ParkedRow)`
    select id, topic, key, payload, attempts, last_error as "lastError", created_at as "createdAt",
        parked_at as "parkedAt"
      from outbox
     where parked_at is not null and done_at is null and (${page.before}::int8 is null or id < ${page.before})
     order by id desc limit ${page.limit}`)
}

/** Puts a parked event back with a fresh count; returns its state afterwards, or null when there is none. */
export async function replayEvent(
  pool: CommonQueryMethods,
  id: number,
): Promise<'open' | 'done' | null> {
  await pool.query(sql.typeAlias('none')`
    update outbox set parked_at = null, attempts = 0, due_at = now()
     where id = ${id} and parked_at is not null and done_at is null`)
  const row = await pool.maybeOne(
    sql.type(z.object({ done: z.boolean() }))`
      select done_at is not null as done from outbox where id = ${id}`,
  )
  if (!row) return null
  return row.done ? 'done' : 'open'
}

/** Deletes up to `limit` events that were done `days` days ago or more; returns how many. */
export async function forgetDoneEvents(
  pool: DatabasePool,
  { days, limit }: { readonly days: number; readonly limit: number },
): Promise<number> {
  const deleted = await pool.query(sql.typeAlias('none')`
    delete from outbox where id in (
      select id from outbox where done_at < now() - make_interval(days => ${days}) order by id limit ${limit})`)
  return deleted.rowCount
}

const IdRow = z.object({ id: z.number() })
const Payload = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
const EventRow = z.object({
  id: z.number(),
  topic: z.string(),
  key: z.string(),
  payload: Payload,
  attempts: z.number(),
})
const ParkedRow = EventRow.extend({
  lastError: z.string().nullable(),
  createdAt: z.date(),
  parkedAt: z.date(),
})
