import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { together } from '../platform/postgres/together.ts'

/** A payment as it is stored. `amount`, `captured` and `refunded` are minor units of `currency`. */
export const PaymentRow = z.object({
  checkoutId: z.string(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  status: z.enum(['open', 'succeeded', 'canceled']),
  captured: z.number(),
  refunded: z.number(),
})
/**
 * The money of one checkout, over all of its attempts, in minor units. What the calls here answer.
 */
export type Payment = z.infer<typeof PaymentRow>

const columns = sql.fragment`checkout_id as "checkoutId", intent_id as "intentId", amount, currency, status,
  captured, refunded`

/**
 * For settling, cancelling and the handler of events: the payment of a checkout; null before its
 * first attempt. Rejects with PostgreSQL's errors.
 */
export function findPayment(db: CommonQueryMethods, checkoutId: string): Promise<Payment | null> {
  return db.maybeOne(
    sql.type(PaymentRow)`select ${columns} from payments where checkout_id = ${checkoutId}`,
  )
}

/**
 * As {@link findPayment}, for a transaction that moves money (refunds, late money): nobody else
 * changes the row until it ends. Rejects with PostgreSQL's errors.
 */
export function lockPayment(tx: CommonQueryMethods, checkoutId: string): Promise<Payment | null> {
  return tx.maybeOne(
    sql.type(
      PaymentRow,
    )`select ${columns} from payments where checkout_id = ${checkoutId} for update`,
  )
}

/**
 * For the handler of events: the payment that an event of the provider is about. Null when the
 * intent is not known here, or not yet. Rejects with PostgreSQL's errors.
 */
export function findPaymentByIntent(
  db: CommonQueryMethods,
  intentId: string,
): Promise<Payment | null> {
  return db.maybeOne(
    sql.prepared(
      'payment-by-intent',
      PaymentRow,
    )`select ${columns} from payments where intent_id = ${intentId}`,
  )
}

interface Note {
  readonly checkoutId: string
  readonly intentId: string
}

const AttemptRow = z.object({
  attempt: z.number(),
  state: z.enum(['pending', 'requires_action']),
})

/**
 * For the handler of events and for cancels: the checkout's attempt without a verdict, or null;
 * there is one at most. Rejects with PostgreSQL's errors.
 */
export function openAttempt(
  db: CommonQueryMethods,
  checkoutId: string,
): Promise<z.infer<typeof AttemptRow> | null> {
  return db.maybeOne(sql.type(AttemptRow)`
    select attempt, state from payment_attempts
     where checkout_id = ${checkoutId} and state in ('pending', 'requires_action')`)
}

/**
 * For every charge: notes which intent is the checkout's, before it is confirmed. False when the
 * payment is closed, or has another intent. Concurrent calls share a statement. Rejects with
 * AppError overloaded when 10,000 wait, and with PostgreSQL's errors.
 */
export function noteIntent(
  pool: DatabasePool,
  checkoutId: string,
  intentId: string,
): Promise<boolean> {
  return noteShared(pool, { checkoutId, intentId })
}

const noteShared = together<Note, boolean>({
  async all(pool, notes) {
    const rows = notes.map(({ checkoutId, intentId }) => [checkoutId, intentId])
    const noted = await pool.any(sql.prepared('note-intents', z.object({ id: z.string() }))`
      with mine as materialized (
        select told.* from ${sql.unnest(rows, ['uuid', 'text'])} as told (id, intent_id)
         cross join lateral (
           select * from payments where checkout_id = told.id for update skip locked offset 0) as p
         where p.status = 'open' and coalesce(p.intent_id, told.intent_id) = told.intent_id)
      update payments p set intent_id = mine.intent_id, updated_at = now()
        from mine where p.checkout_id = mine.id
      returning mine.intent_id as id`)
    const ids = new Set(noted.map(({ id }) => id))
    return notes.map(({ intentId }) => ids.has(intentId) || undefined)
  },
  async one(pool, { checkoutId, intentId }) {
    const noted = await pool.query(sql.prepared('note-intent', z.object({}))`
      update payments set intent_id = ${intentId}, updated_at = now()
       where checkout_id = ${checkoutId} and status = 'open' and (intent_id is null or intent_id = ${intentId})`)
    return noted.rowCount === 1
  },
})

/**
 * For settling and cancelling: ends a payment of which nothing was and will be charged, with its
 * open attempts. False, and nothing changes, when it is not open or its intent is another. Rejects
 * with PostgreSQL's errors.
 */
export async function closePayment(
  db: CommonQueryMethods,
  checkoutId: string,
  intentId: string | null,
): Promise<boolean> {
  const closed = await db.maybeOne(sql.typeAlias('id')`
    with closed as (
      update payments set status = 'canceled', updated_at = now()
       where checkout_id = ${checkoutId} and status = 'open' and intent_id is not distinct from ${intentId}
      returning checkout_id),
    attempts as (
      update payment_attempts a set state = 'abandoned', settled_at = now() from closed
       where a.checkout_id = closed.checkout_id and a.state in ('pending', 'requires_action'))
    select checkout_id as id from closed`)
  return closed !== null
}

/**
 * For settling: makes an operator look, because something at the provider contradicts the order. Of
 * `why`, 500 characters are kept. An unknown checkout changes nothing. Rejects with PostgreSQL's
 * errors.
 */
export async function flagPayment(
  db: CommonQueryMethods,
  checkoutId: string,
  why: string,
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    update payments set flagged = ${why.slice(0, 500)}, updated_at = now() where checkout_id = ${checkoutId}`)
}
