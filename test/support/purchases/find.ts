/** What PostgreSQL has of one purchase: its checkout, its order, and the lines of the order. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import {
  checkoutWord,
  lineWord,
  orderStates,
  orderWord,
  orderWords,
  outcomes,
} from '../../../src/orders/order-words.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

const CheckoutRow = z.object({
  status: z.string(),
  reason: z.string().nullable(),
  duplicateOf: z.string().nullable(),
  expiresAt: z.date().nullable(),
})

/** Null when PostgreSQL does not have it. */
export const checkoutOf = (q: CommonQueryMethods, id: string) =>
  q.maybeOne(sql.type(CheckoutRow)`
    select coalesce(o.outcome, o.state) as status, reason, duplicate_of as "duplicateOf", expires_at as "expiresAt"
      from orders o where id = ${id}`)

/** The id of the checkout that a buyer made under a key. Fails when there is none. */
export const checkoutUnderKey = async (q: CommonQueryMethods, buyerId: string, key: string) => {
  const { id } = await q.one(sql.typeAlias('id')`
    select id from orders where buyer_id = ${buyerId} and idempotency_key = ${key}`)
  return id
}

/** `held`, `sold`, `released`, `returned` or `void`; null when the checkout has no hold on the SKU. */
export const holdStateOf = (q: CommonQueryMethods, checkoutId: string, sku: string) =>
  q.maybeOneFirst(sql.type(z.object({ state: z.string() }))`
    select stock as state from order_lines
     where order_id = ${checkoutId} and sku = ${sku} and stock <> 'asked'`)

const OrderRow = z.object({ total: z.number(), createdAt: z.date() })

/** An order by the id of its checkout; the total in minor units. Fails when there is none. */
export const orderOf = (q: CommonQueryMethods, id: string) =>
  q.one(sql.type(OrderRow)`
    select total, created_at as "createdAt" from orders where id = ${id} and number is not null`)

const LineRow = z.object({ sku: z.string(), unitPrice: z.number() })

/** The lines of an order by SKU; prices in minor units. */
export const linesOf = (q: CommonQueryMethods, id: string) =>
  q.any(sql.type(LineRow)`
    select sku, unit_price as "unitPrice" from order_lines where order_id = ${id} order by sku`)

const PurchaseRow = z.object({
  state: z.enum(orderStates),
  outcome: z.enum(outcomes).nullable(),
  payment: z.string().nullable(),
  captured: z.number().nullable(),
  refunded: z.number().nullable(),
  attempts: z.array(z.string()),
  progress: z.array(z.enum(orderWords).nullable()),
  fates: z.array(z.object({ cancelled: z.boolean(), returned: z.boolean() })),
})
export type Purchase = Awaited<ReturnType<typeof purchaseOf>>

/** The words that are shown of a checkout, its order and its lines, and its money, all of one moment. */
export const purchaseOf = async (q: CommonQueryMethods, id: string) => {
  const { state, outcome, progress, fates, ...money } = await q.one(sql.type(PurchaseRow)`
    select o.state, o.outcome, p.status as payment, p.captured, p.refunded,
      (select coalesce(jsonb_agg(a.state order by a.attempt), '[]') from payment_attempts a
        where a.checkout_id = o.id) as attempts,
      (select jsonb_agg(l.progress order by l.sku) from order_lines l where l.order_id = o.id) as progress,
      (select jsonb_agg(jsonb_build_object('returned', l.returned = l.quantity, 'cancelled', exists (
          select from order_history h where h.order_id = o.id and h.sku is null and h.to_status = 'cancelled'))
          order by l.sku) from order_lines l where l.order_id = o.id) as fates
      from orders o left join payments p on p.checkout_id = o.id
     where o.id = ${id} and o.number is not null`)
  return {
    checkout: checkoutWord(state, outcome),
    order: orderWord(state),
    ...money,
    lines: progress.map((step, i) =>
      lineWord(state, outcome, step, fates[i] ?? { cancelled: false, returned: false }),
    ),
  }
}

/** Whether an expired order's units are being taken again for money that came late. */
export const isReclaiming = (q: CommonQueryMethods, id: string) =>
  q.exists(sql.typeAlias('none')`
    select from payments where checkout_id = ${id} and reclaiming_since is not null`)
