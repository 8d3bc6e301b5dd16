/** What is true of an order at the moment in which a mail about it is sent. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'

const Line = z.object({ title: z.string(), quantity: z.number(), unitPrice: z.number() })
const Card = z.object({ brand: z.string(), last4: z.string() })
const OrderFacts = z.object({
  id: z.string(),
  number: z.number(),
  state: z.string(),
  outcome: z.string().nullable(),
  total: z.number(),
  currency: z.string(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  locale: z.string().nullable(),
  lines: z.array(Line),
  /** Null before the first attempt to pay. Minor units. */
  payment: z
    .object({
      status: z.string(),
      captured: z.number(),
      refunded: z.number(),
      /** A bank may still work on an attempt. */
      underWay: z.boolean(),
      /** Units of the expired order are being taken again, for money that came late. */
      reclaiming: z.boolean(),
      bankHasMoney: z.boolean(),
      /** Of the attempt that counts: the one that succeeded, else the last one. */
      card: Card.nullable(),
    })
    .nullable(),
})
export type OrderFacts = z.infer<typeof OrderFacts>

/**
 * Attempts that have ended and can charge no more. Any other one may: also one in a state that this statement
 * has not heard of.
 */
const ended = sql.fragment`('succeeded', 'declined', 'abandoned')`

/** What is known of an attempt's card. Attempts without these columns have none that is known. */
const cardOf = sql.fragment`
  select jsonb_build_object('brand', row ->> 'card_brand', 'last4', row ->> 'card_last4')
    from (select to_jsonb(a) as row from payment_attempts a where a.checkout_id = o.id
           order by a.state = 'succeeded' desc, a.attempt desc limit 1) as last
   where row ->> 'card_brand' is not null and row ->> 'card_last4' is not null`

/**
 * For the letters about orders: the orders with these ids and their buyers, by order id; email and name are
 * null for an account that is gone. Rejects with PostgreSQL's errors.
 */
export async function readOrderFacts(
  pool: CommonQueryMethods,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, OrderFacts>> {
  if (orderIds.length === 0) return new Map()
  const rows = await pool.any(sql.type(OrderFacts)`
    select o.id, o.number, o.state, o.outcome, o.total, o.currency, a.email, a.name, a.locale,
        coalesce((
          select jsonb_agg(jsonb_build_object('title', coalesce(nullif(l.title, ''), l.sku),
              'quantity', l.quantity, 'unitPrice', l.unit_price) order by l.sku)
            from order_lines l where l.order_id = o.id), '[]') as lines,
        (select jsonb_build_object('status', p.status, 'captured', p.captured, 'refunded', p.refunded,
            'underWay', p.status = 'open' and exists (
              select from payment_attempts t where t.checkout_id = o.id and t.state not in ${ended}),
            'reclaiming', p.reclaiming_since is not null,
            'bankHasMoney', exists (
              select from payment_concerns c where c.checkout_id = o.id and c.took_money),
            'card', (${cardOf}))
          from payments p where p.checkout_id = o.id) as payment
      from orders o left join accounts a on a.id = o.buyer_id and a.erased_at is null
     where o.id = any(${sql.array([...orderIds], 'uuid')}) and o.number is not null`)
  return new Map(rows.map((row) => [row.id, row]))
}

const RefundFacts = z.object({ id: z.string(), state: z.string(), amount: z.number() })
/** Where a refund stands. `amount` is in minor units of its order's currency. */
export type RefundFacts = z.infer<typeof RefundFacts>

/** For the letters about orders: refunds by id. Rejects with PostgreSQL's errors. */
export async function readRefundFacts(
  pool: CommonQueryMethods,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RefundFacts>> {
  if (ids.length === 0) return new Map()
  const rows = await pool.any(sql.type(RefundFacts)`
    select id, state, amount from refunds where id = any(${sql.array([...ids], 'uuid')})`)
  return new Map(rows.map((row) => [row.id, row]))
}
