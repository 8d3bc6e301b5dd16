/** How a refund settles, in PostgreSQL. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { mayMove, orderWordOf } from '../../../orders/order-sql.ts'
import type { RefundFacts } from '../../../payments/gateway.ts'
import { appendOutbox } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'

const SettledRow = z.object({
  checkoutId: z.string(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  whole: z.boolean(),
})

/** For PgMoneyStore, in a transaction of its own: a pending refund has succeeded. */
export async function succeedRefund(
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

const FailedRow = z.object({ id: z.string(), amount: z.number() })

/** For PgMoneyStore, in a transaction of its own: undoes a refund that had succeeded. */
export async function takeRefundBack(
  tx: DatabaseTransactionConnection,
  refundId: string,
  why: string,
): Promise<boolean> {
  await lockOrder(tx, refundId)
  const failed = await tx.maybeOne(sql.type(FailedRow)`
    with failed as (
      update refunds set state = 'failed', last_error = ${why}
       where id = ${refundId} and state = 'succeeded' returning checkout_id, amount)
    update payments p set refunded = p.refunded - f.amount, flagged = ${why}, updated_at = now()
      from failed f where p.checkout_id = f.checkout_id
    returning p.checkout_id as id, f.amount`)
  if (!failed) return false
  const payload = { orderId: failed.id, refundId, amount: failed.amount }
  // Its buyer was told that the money is back.
  await appendOutbox(tx, 'payment.refund_failed', refundId, payload)
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
