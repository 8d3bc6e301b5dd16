/** What the provider says of a refund, made a fact once. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { mayMove, orderWordOf } from '../../orders/order-sql.ts'
import type { RefundFacts } from '../../payments/gateway.ts'
import { failRefund, noteRefund } from '../../payments/refunds.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { MoneyDeps } from './money-deps.ts'

/**
 * For the refunds' job and events: settles a refund of ours; true when this call changed something.
 * One that failed, even after it had succeeded, makes an operator look: banks do return money.
 * Rejects when PostgreSQL is away.
 */
export async function settleRefund(
  { pool, log }: Pick<MoneyDeps, 'pool' | 'log'>,
  refundId: string,
  facts: RefundFacts,
): Promise<boolean> {
  if (facts.status === 'pending') {
    await noteRefund(pool, refundId, { providerId: facts.id })
    return false
  }
  if (facts.status === 'succeeded') {
    return pool.transaction((tx) => succeed(tx, refundId, facts))
  }
  const why = `the provider could not carry out ${facts.id}`
  const failed =
    (await failRefund(pool, refundId, why)) ||
    (await pool.transaction((tx) => takeBack(tx, refundId, why)))
  if (failed)
    log.error(
      { refund: refundId, providerId: facts.id },
      'the provider failed a refund; it is listed for an operator',
    )
  return failed
}

const SettledRow = z.object({
  checkoutId: z.string(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  whole: z.boolean(),
})

async function succeed(
  tx: DatabaseTransactionConnection,
  refundId: string,
  facts: RefundFacts,
): Promise<boolean> {
  await lockOrder(tx, refundId)
  const settled = await tx.maybeOne(sql.type(SettledRow)`
    with settled as (
      update refunds set state = 'succeeded', refund_id = ${facts.id}, settled_at = now(), last_error = null
       where id = ${refundId} and state = 'pending' and amount = ${facts.amount}
      returning checkout_id, amount, reason)
    update payments p set refunded = p.refunded + s.amount, updated_at = now()
      from settled s where p.checkout_id = s.checkout_id
    returning p.checkout_id as "checkoutId", s.amount, p.currency, s.reason,
      p.refunded = p.captured as whole`)
  if (!settled) return false
  const { checkoutId, amount, currency, reason, whole } = settled
  if (whole) {
    await tx.query(sql.typeAlias('none')`
      with was as (
        select o.id, ${orderWordOf('o')} as word from orders o where o.id = ${checkoutId}),
      refunded as (
        update orders o set state = 'refunded' from was
         where o.id = was.id and ${mayMove('o', 'refund', 'refunded')}
        returning o.id, was.word)
      insert into order_history (order_id, from_status, to_status, reason)
      select id, word, 'refunded', ${reason} from refunded`)
  }
  const payload = { orderId: checkoutId, refundId, amount, currency, reason }
  await appendOutbox(tx, 'payment.refunded', refundId, payload)
  return true
}

/** Undoes a refund that had succeeded: the order is again what it was before. */
async function takeBack(
  tx: DatabaseTransactionConnection,
  refundId: string,
  why: string,
): Promise<boolean> {
  await lockOrder(tx, refundId)
  const failed = await tx.maybeOne(sql.typeAlias('id')`
    with failed as (
      update refunds set state = 'failed', last_error = ${why}
       where id = ${refundId} and state = 'succeeded' returning checkout_id, amount)
    update payments p set refunded = p.refunded - f.amount, flagged = ${why}, updated_at = now()
      from failed f where p.checkout_id = f.checkout_id
    returning p.checkout_id as id`)
  if (!failed) return false
  await tx.query(sql.typeAlias('none')`
    with before as (
      select order_id, from_status from order_history
       where order_id = ${failed.id} and sku is null and to_status = 'refunded' order by id desc limit 1),
    back as (
      -- The history has the words that are shown: a payment that failed is told as a cancelled order.
      update orders o
         set state = case when o.outcome = 'payment_failed' then o.outcome else before.from_status end
        from before where o.id = before.order_id and ${mayMove('o', 'bank', 'cancelled')}
      returning o.id, o.state)
    insert into order_history (order_id, from_status, to_status, reason)
    select o.id, 'refunded', ${orderWordOf('o')}, 'the bank returned the refund' from back o`)
  return true
}

/** The order's row first, as everybody does who holds both. */
async function lockOrder(tx: DatabaseTransactionConnection, refundId: string): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    select from orders where id = (select checkout_id from refunds where id = ${refundId}) for update`)
}
