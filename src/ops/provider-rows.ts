/** What the tables say of charges and refunds, for the comparison with the provider. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { orderWordOf } from '../orders/order-sql.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { PaymentRow, RefundRow } from './provider-differences.ts'

const Payment = z.object({
  checkoutId: z.string(),
  intentId: z.string().nullable(),
  status: z.string(),
  captured: z.number(),
  currency: z.string(),
  order: z.string().nullable(),
  underWay: z.boolean(),
  changedAt: z.date(),
})

/** After its lease an attempt is taken over within seconds; then it is nobody's. */
const leaseGraceSeconds = 60
/** A refund is asked for again within ten minutes. */
const refundGraceSeconds = 660

const payment = sql.fragment`
  select p.checkout_id as "checkoutId", p.intent_id as "intentId", p.status, p.captured, p.currency,
      ${orderWordOf('o')} as order,
      p.reclaiming_since is not null or exists (
        select from payment_attempts a where a.checkout_id = p.checkout_id
           and a.state in ('waiting', 'pending', 'requires_action')
           and (a.state = 'waiting' or a.leased_until > now() - make_interval(secs => ${leaseGraceSeconds})))
        as "underWay",
      p.updated_at as "changedAt"
    from payments p left join orders o on o.id = p.checkout_id`

/** Payments of these checkouts, and those that these intents pay. Rejects with PostgreSQL's errors. */
export function paymentsOf(
  db: CommonQueryMethods,
  { checkoutIds, intentIds }: { checkoutIds: readonly string[]; intentIds: readonly string[] },
): Promise<readonly PaymentRow[]> {
  return db.any(sql.type(Payment)`
    ${payment} where p.checkout_id = any(${sql.array([...checkoutIds], 'uuid')})
    union
    ${payment} where p.intent_id = any(${sql.array([...intentIds], 'text')})`)
}

/**
 * Payments that have captured money and were begun at `from` or later, up to `limit`, in the order of
 * their checkouts, after `after`. Rejects with PostgreSQL's errors.
 */
export function capturedAfter(
  db: CommonQueryMethods,
  { after, from, limit }: { after: string | null; from: Date; limit: number },
): Promise<readonly PaymentRow[]> {
  return db.any(sql.type(Payment)`
    ${payment} where p.captured > 0 and p.created_at >= ${sql.timestamp(from)}
      and (${after}::uuid is null or p.checkout_id > ${after})
     order by p.checkout_id limit ${limit}`)
}

const Refund = z.object({
  id: z.string(),
  checkoutId: z.string(),
  intentId: z.string().nullable(),
  providerId: z.string().nullable(),
  state: z.string(),
  amount: z.number(),
  currency: z.string(),
  underWay: z.boolean(),
  changedAt: z.date(),
})

const refund = sql.fragment`
  select r.id, r.checkout_id as "checkoutId", p.intent_id as "intentId", r.refund_id as "providerId", r.state,
      r.amount, p.currency, r.state = 'pending'
        and coalesce(r.tried_at, r.created_at) > now() - make_interval(secs => ${refundGraceSeconds}) as "underWay",
      coalesce(r.settled_at, r.tried_at, r.created_at) as "changedAt"
    from refunds r join payments p using (checkout_id)`

/** All refunds of these checkouts. Rejects with PostgreSQL's errors. */
export function refundsOf(
  db: CommonQueryMethods,
  checkoutIds: readonly string[],
): Promise<readonly RefundRow[]> {
  return db.any(sql.type(Refund)`
    ${refund} where r.checkout_id = any(${sql.array([...checkoutIds], 'uuid')})`)
}

/** Refunds that have succeeded, as {@link capturedAfter}. Rejects with PostgreSQL's errors. */
export function refundedAfter(
  db: CommonQueryMethods,
  { after, from, limit }: { after: string | null; from: Date; limit: number },
): Promise<readonly RefundRow[]> {
  return db.any(sql.type(Refund)`
    ${refund} where r.state = 'succeeded' and r.created_at >= ${sql.timestamp(from)}
      and (${after}::uuid is null or r.id > ${after})
     order by r.id limit ${limit}`)
}
