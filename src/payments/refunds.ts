/** Money on its way back: decided in PostgreSQL, carried out by a job, settled once. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { newId } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import { bankHasMoney } from './concerns.ts'
import { overdueSeconds } from './refund-schedule.ts'

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
  /** Who began it: the provider is never asked to make what somebody began there. */
  origin: z.enum(['shop', 'provider']),
})
/**
 * A refund that the job has claimed. `amount` is in minor units of `currency`; `attempts` includes
 * this one.
 */
export type DueRefund = z.infer<typeof DueRow>

/** Pauses grow from a second to ten minutes; as long as the provider is away, asking goes on. */
const pause = sql.fragment`make_interval(secs => least(600, power(2, least(r.attempts, 10))))`

/** One that the provider has had for long is looked at when the schedule says so. */
const due = sql.fragment`r.state = 'pending' and (r.again_at is null or r.again_at <= now()) and (r.tried_at is null or
  r.tried_at < now() - ${pause})`

/** Of a refund `r`, for the list of open payments: when a job asks about it, or for its money, again; null: none will. */
export const nextRefundTry = sql.fragment`case r.state when 'pending'
  then greatest(r.again_at, coalesce(r.tried_at + ${pause}, r.created_at)) else r.again_at end`

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
      refund_id as "providerId", attempts, origin,
      extract(epoch from now() - refunds.created_at)::int as "ageSeconds"`)
}

/**
 * For the refund job: notes why a refund is not done yet. Of the error, 500 characters are kept.
 * Rejects with PostgreSQL's errors.
 */
export async function noteRefund(db: CommonQueryMethods, id: string, error: string): Promise<void> {
  await db.query(sql.typeAlias('none')`
    update refunds set last_error = ${error.slice(0, 500)} where id = ${id} and state = 'pending'`)
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
 * For the operators' route: refunds that failed, whose money is still owed, and that the shop asks for no more by
 * itself; and those that the provider has not ended for 30 days. The newest first. `before` is the id of the last one
 * seen; null begins. Rejects with PostgreSQL's errors.
 */
export function failedRefunds(
  db: CommonQueryMethods,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly FailedRefund[]> {
  return db.any(sql.type(FailedRow)`
    select r.id, r.checkout_id as "checkoutId", r.amount, p.currency, r.reason, r.attempts,
        r.last_error as "lastError", r.created_at as "createdAt"
      from refunds r join payments p using (checkout_id)
     where (${page.before}::uuid is null or r.id < ${page.before})
       and (r.state = 'failed' and r.origin = 'shop' and r.again_at is null and r.next_id is null
           and p.captured > p.given_back
         or r.state = 'pending' and r.created_at < now() - make_interval(secs => ${overdueSeconds}))
     order by r.id desc limit ${page.limit}`)
}

const OwnerRow = z.object({ checkoutId: z.string() })

/** For the operators' route: whose refund it is; null when there is none. Rejects with PostgreSQL's errors. */
export function refundOf(
  db: CommonQueryMethods,
  id: string,
): Promise<{ readonly checkoutId: string } | null> {
  return db.maybeOne(sql.type(OwnerRow)`
    select checkout_id as "checkoutId" from refunds where id = ${id}`)
}
