/** Money on its way back: decided in PostgreSQL, carried out by a job, settled once. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { newId } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import { bankHasMoney } from './concerns.ts'

/** A refund that was decided and waits for the refund job. What asking for one answers. */
export interface RequestedRefund {
  readonly id: string
  /** Minor units. */
  readonly amount: number
}

const Asked = z.object({ amount: z.number() })
const Captured = z.object({ captured: z.number() })

/**
 * For cancels and late money, in their transaction: decides to give back all that was captured and
 * is not on its way back yet. Null when there is nothing: to ask twice refunds once. The job moves
 * the money after the commit. Rejects with PostgreSQL's errors.
 */
export async function requestRefund(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  reason: string,
): Promise<RequestedRefund | null> {
  const payment = await tx.maybeOne(sql.type(Captured)`
    select captured from payments where checkout_id = ${checkoutId} for update`)
  if (!payment) return null
  const asked = await tx.one(sql.type(Asked)`
    select coalesce(sum(amount), 0)::bigint as amount from refunds
     where checkout_id = ${checkoutId} and state in ('pending', 'succeeded')`)
  const amount = payment.captured - asked.amount
  if (amount <= 0) return null
  const id = newId()
  await tx.query(sql.typeAlias('none')`
    insert into refunds (id, checkout_id, amount, reason) values (${id}, ${checkoutId}, ${amount}, ${reason})`)
  return { id, amount }
}

const DueRow = z.object({
  id: z.string(),
  checkoutId: z.string(),
  amount: z.number(),
  currency: z.string(),
  intentId: z.string(),
  /** The provider's id, once it has taken the refund in. */
  providerId: z.string().nullable(),
  attempts: z.number(),
  ageSeconds: z.number(),
})
/**
 * A refund that the job has claimed. `amount` is in minor units of `currency`; `attempts` includes
 * this one.
 */
export type DueRefund = z.infer<typeof DueRow>

/** Pauses grow from a second to ten minutes; as long as the provider is away, asking goes on. */
const due = sql.fragment`r.state = 'pending' and (r.tried_at is null or
  r.tried_at < now() - make_interval(secs => least(600, power(2, least(r.attempts, 10)))))`

/**
 * For the refund job: takes up to `limit` refunds that are due, the oldest first; no other worker
 * asks for them now. Counts the attempt; one that is not settled is due again after 2 s to 10 min.
 * One whose money the bank has is not due: the provider would refuse it.
 * Rejects with PostgreSQL's errors.
 */
export function claimDueRefunds(
  db: CommonQueryMethods,
  limit: number,
): Promise<readonly DueRefund[]> {
  return db.any(sql.type(DueRow)`
    update refunds set attempts = refunds.attempts + 1, tried_at = now()
      from (select r.id, p.intent_id, p.currency from refunds r join payments p using (checkout_id)
             where ${due} and p.intent_id is not null
               and not ${bankHasMoney(sql.fragment`r.checkout_id`)}
             order by r.created_at limit ${limit} for update of r skip locked) as mine
     where refunds.id = mine.id
    returning refunds.id, checkout_id as "checkoutId", amount, mine.currency, mine.intent_id as "intentId",
      refund_id as "providerId", attempts,
      extract(epoch from now() - refunds.created_at)::int as "ageSeconds"`)
}

/**
 * For the refund job and the settling of refunds: notes why a refund is not done yet, and the
 * provider's id for it if it has one. Of the error, 500 characters are kept. Rejects with
 * PostgreSQL's errors.
 */
export async function noteRefund(
  db: CommonQueryMethods,
  id: string,
  note: { readonly providerId?: string; readonly error?: string },
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    update refunds set refund_id = coalesce(${note.providerId ?? null}, refund_id),
        last_error = ${note.error?.slice(0, 500) ?? null}
     where id = ${id} and state = 'pending'`)
}

/**
 * For the refund job and the settling of refunds: gives up a refund that the provider refuses for
 * good. True once: an operator looks at it, and may retry it. False when it is not pending. Of the
 * error, 500 characters are kept. Rejects with PostgreSQL's errors.
 */
export async function failRefund(
  db: CommonQueryMethods,
  id: string,
  error: string,
): Promise<boolean> {
  const failed = await db.query(sql.typeAlias('none')`
    update refunds set state = 'failed', settled_at = now(), last_error = ${error.slice(0, 500)}
     where id = ${id} and state = 'pending'`)
  return failed.rowCount === 1
}

const FailedRow = z.object({
  id: z.string(),
  checkoutId: z.string(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  attempts: z.number(),
  lastError: z.string().nullable(),
  createdAt: z.date(),
})
/** A failed refund as operators see it. `amount` is in minor units of `currency`. */
export type FailedRefund = z.infer<typeof FailedRow>

/**
 * For the operators' route: refunds that failed and whose money is still owed, the newest first.
 * `before` is the id of the last one seen; null begins. Rejects with PostgreSQL's errors.
 */
export function failedRefunds(
  db: CommonQueryMethods,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly FailedRefund[]> {
  return db.any(sql.type(FailedRow)`
    select r.id, r.checkout_id as "checkoutId", r.amount, p.currency, r.reason, r.attempts,
        r.last_error as "lastError", r.created_at as "createdAt"
      from refunds r join payments p using (checkout_id)
     where r.state = 'failed' and (${page.before}::uuid is null or r.id < ${page.before})
       and p.captured > (
         select coalesce(sum(o.amount), 0) from refunds o
          where o.checkout_id = r.checkout_id and o.state in ('pending', 'succeeded'))
     order by r.id desc limit ${page.limit}`)
}

const ToRetryRow = z.object({ checkoutId: z.string(), state: z.string(), reason: z.string() })

/**
 * For the operators' route: asks for a failed refund's money once more, as {@link requestRefund}
 * does, under a new id and so a new key: the provider repeats its answer to a key that it knows. To
 * ask twice refunds once. Rejects with PostgreSQL's errors.
 */
export async function retryRefund(
  tx: DatabaseTransactionConnection,
  id: string,
): Promise<RequestedRefund | 'unknown' | 'nothing owed'> {
  const refund = await tx.maybeOne(sql.type(ToRetryRow)`
    select checkout_id as "checkoutId", state, reason from refunds where id = ${id}`)
  if (!refund) return 'unknown'
  if (refund.state !== 'failed') return 'nothing owed'
  return (await requestRefund(tx, refund.checkoutId, refund.reason)) ?? 'nothing owed'
}
