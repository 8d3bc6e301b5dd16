/** Reads the refunds of one purchase from PostgreSQL, its rows locked. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { lockOrder } from '../../../orders/order-repository.ts'
import { type OrderState, orderStates } from '../../../orders/order-words.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import { lockPayment } from './payment-row.ts'
import type { RefundBook } from './refund-facts.ts'

const RefundRow = z.object({
  id: z.string(),
  origin: z.enum(['shop', 'provider']),
  providerId: z.string().nullable(),
  amount: z.number(),
  state: z.enum(['pending', 'succeeded', 'failed']),
  reason: z.string(),
  note: z.string().nullable(),
  sellerId: z.string().nullable(),
  round: z.number(),
  takenSeconds: z.number().nullable(),
  due: z.boolean(),
  nextId: z.string().nullable(),
  lines: z.array(
    z.object({ sku: z.string(), units: z.number(), back: z.number(), amount: z.number() }),
  ),
})
const LineRow = z.object({
  sku: z.string(),
  sellerId: z.string().nullable(),
  quantity: z.number(),
  unitPrice: z.number(),
})

/** For PgMoneyStore: the purchase as it is; it changes no more in this transaction but by its owners. */
export async function lockRefunds(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<RefundBook> {
  const order = await lockOrder(tx, checkoutId)
  const payment = await lockPayment(tx, checkoutId)
  const refunds = await tx.any(sql.type(RefundRow)`
    select r.id, r.origin, r.refund_id as "providerId", r.amount, r.state, r.reason, r.note, r.seller_id as "sellerId",
        r.round, extract(epoch from now() - r.taken_at)::int as "takenSeconds",
        coalesce(r.state = 'failed' and r.again_at <= now(), false) as due, r.next_id as "nextId",
        coalesce((select jsonb_agg(jsonb_build_object('sku', l.sku, 'units', l.units, 'back', l.back,
            'amount', l.amount) order by l.sku) from refund_lines l where l.refund_id = r.id), '[]') as lines
      from refunds r where r.checkout_id = ${checkoutId} order by r.created_at, r.id`)
  const lines = await tx.any(sql.type(LineRow)`
    select sku, seller_id as "sellerId", quantity, unit_price as "unitPrice" from order_lines
     where order_id = ${checkoutId} and quantity > 0 order by sku`)
  const before = order?.state === 'refunded' ? await stateBefore(tx, checkoutId, order) : null
  return {
    checkoutId,
    order: order && { state: order.state, outcome: order.outcome, before },
    payment,
    refunds: [...refunds],
    lines: [...lines],
  }
}

const BeforeRow = z.object({ before: z.enum(orderStates) })

/** The history has the words that are shown: a payment that failed is told as a cancelled order. */
async function stateBefore(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { outcome }: { readonly outcome: string | null },
): Promise<OrderState | null> {
  const before = await tx.maybeOneFirst(sql.type(BeforeRow)`
    select from_status as before from order_history
     where order_id = ${checkoutId} and sku is null and to_status = 'refunded' order by id desc limit 1`)
  return before !== null && outcome === 'payment_failed' ? outcome : before
}
