/** Orders as PostgreSQL has them. One statement for a page, whatever its length. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { sellerMoves } from './order-state.ts'
import { lineWord, orderStates, orderWord, orderWords, outcomes } from './order-words.ts'

/** Who looks at orders. */
export interface Viewer {
  readonly id: string
  readonly role: 'buyer' | 'seller' | 'admin'
}

const orderStatus = z.enum(orderWords)
const state = z.enum(orderStates)
const outcome = z.enum(outcomes).nullable()
const progress = z.enum(sellerMoves).nullable()
const Item = z.object({
  sku: z.string(),
  title: z.string(),
  quantity: z.number(),
  unitPrice: z.number(),
  progress,
  returned: z.boolean(),
})
const Refund = z.object({
  id: z.string(),
  amount: z.number(),
  status: z.enum(['pending', 'succeeded', 'failed']),
  reason: z.string(),
  createdAt: z.string(),
})
const Payment = z.object({
  status: z.enum(['open', 'succeeded', 'canceled']),
  captured: z.number(),
  refunded: z.number(),
  refunding: z.boolean(),
  bankHasMoney: z.boolean(),
  refunds: z.array(Refund),
  card: z.object({ brand: z.string(), last4: z.string() }).nullable(),
})
/** What somebody else has about the payment: the most serious of it. */
const Dispute = z.object({
  kind: z.enum(['dispute', 'warning', 'review']),
  status: z.string(),
  reason: z.string(),
  open: z.boolean(),
  stopsShipping: z.boolean(),
  dueAt: z.string().nullable(),
})
const Shipment = z.object({
  id: z.string(),
  status: z.enum(['planned', 'shipped', 'delivered', 'cancelled']),
  location: z.string().nullable(),
  tracking: z.string().nullable(),
  shippedAt: z.string().nullable(),
  deliveredAt: z.string().nullable(),
  items: z.array(z.object({ sku: z.string(), quantity: z.number() })),
})
const Change = z.object({
  from: z.string().nullable(),
  to: orderStatus,
  sku: z.string().nullable(),
  actorId: z.string().nullable(),
  reason: z.string(),
  at: z.string(),
})
const StoredOrder = z.object({
  id: z.string(),
  number: z.number(),
  state,
  outcome,
  buyerId: z.string(),
  total: z.number(),
  currency: z.string(),
  createdAt: z.date(),
  items: z.array(Item),
  sellers: z.array(z.string()),
  payment: Payment.nullable(),
  dispute: Dispute.nullable(),
  shipments: z.array(Shipment),
  paidAt: z.date().nullable(),
  history: z.array(Change),
})
type StoredOrder = z.infer<typeof StoredOrder>
export type OrderRow = ReturnType<typeof worded>

type Fragment = ReturnType<typeof sql.fragment>

/** A page of the viewer's orders, the newest first: those below `before`. */
export async function listOrders(
  db: CommonQueryMethods,
  viewer: Viewer,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly OrderRow[]> {
  const { limit, before } = page
  const below = (column: Fragment) =>
    before === null ? sql.fragment`true` : sql.fragment`${column} < ${before}::uuid`
  const after = below(sql.fragment`id`)
  const mine = {
    // By an index that has the order: a page deep in the list costs what the first one costs.
    seller: sql.fragment`
      select order_id as id from order_sellers
       where seller_id = ${viewer.id} and ${below(sql.fragment`order_id`)}
       order by order_id desc limit ${limit}`,
    // The buyer's own orders, sorted: nobody has so many that every checkout should pay for an index with the order.
    buyer: sql.fragment`
      select id from (select id from orders where buyer_id = ${viewer.id} and number is not null offset 0) as own
       where ${after} order by id desc limit ${limit}`,
    admin: sql.fragment`
      select id from orders where number is not null and ${after} order by id desc limit ${limit}`,
  }[viewer.role]
  const rows = await db.any(sql.type(StoredOrder)`
    with mine as (${mine})
    select ${columns(viewer)} from mine join orders o on o.id = mine.id order by o.id desc`)
  return rows.map(worded)
}

/** One order, if the viewer may see it; else null. */
export async function findOrder(
  db: CommonQueryMethods,
  viewer: Viewer,
  orderId: string,
): Promise<OrderRow | null> {
  const visible = {
    buyer: sql.fragment`o.buyer_id = ${viewer.id}`,
    seller: sql.fragment`exists (
      select from order_lines l where l.order_id = o.id and l.seller_id = ${viewer.id})`,
    admin: sql.fragment`true`,
  }[viewer.role]
  const row = await db.maybeOne(sql.type(StoredOrder)`
    select ${columns(viewer)} from orders o where o.id = ${orderId} and o.number is not null and ${visible}`)
  return row && worded(row)
}

/** With the words that are shown, and with its payment in the history, of which the attempt tells. */
function worded({ state, outcome, paidAt, ...row }: StoredOrder) {
  const paid = {
    from: 'awaiting_payment',
    to: 'paid' as const,
    sku: null,
    actorId: null,
    reason: 'the payment succeeded',
    at: paidAt?.toISOString() ?? '',
  }
  const cancelled = row.history.some(({ sku, to }) => sku === null && to === 'cancelled')
  return {
    ...row,
    status: orderWord(state) ?? 'awaiting_payment',
    items: row.items.map(({ progress, returned, ...item }) => ({
      ...item,
      status: lineWord(state, outcome, progress, { cancelled, returned }),
    })),
    history: paidAt ? [paid, ...row.history] : row.history,
  }
}

/** A seller gets the lines and shipments that are theirs, and what happened to those or to the whole. */
function columns({ id, role }: Viewer): Fragment {
  const seller = role === 'seller'
  const own = (alias: string) =>
    seller ? sql.fragment`${sql.identifier([alias, 'seller_id'])} = ${id}` : sql.fragment`true`
  const ownHistory = seller
    ? sql.fragment`(h.sku is null or h.sku in (
        select l.sku from order_lines l where l.order_id = o.id and l.seller_id = ${id}))`
    : sql.fragment`true`
  // A buyer knows of a dispute: it is the holder of the card who disputes. What the bank suspects is no news for them.
  const concerns = role === 'buyer' ? sql.fragment`c.kind = 'dispute'` : sql.fragment`true`
  return sql.fragment`
    o.id, o.number, o.state, o.outcome, o.buyer_id as "buyerId", o.total, o.currency, o.created_at as "createdAt",
    coalesce((select jsonb_agg(jsonb_build_object('sku', l.sku, 'title', l.title, 'quantity', l.quantity,
        'unitPrice', l.unit_price, 'progress', l.progress, 'returned', l.quantity > 0 and l.returned = l.quantity)
        order by l.sku)
      from order_lines l where l.order_id = o.id and ${own('l')}), '[]') as items,
    coalesce((select jsonb_agg(distinct l.seller_id) from order_lines l
      where l.order_id = o.id and l.seller_id is not null), '[]') as sellers,
    (select jsonb_build_object('status', p.status, 'captured', p.captured, 'refunded', p.refunded,
        'refunding', exists (select from refunds r where r.checkout_id = p.checkout_id and r.state = 'pending'),
        'bankHasMoney', exists (select from payment_concerns c where c.checkout_id = p.checkout_id and c.took_money),
        'card', (select jsonb_build_object('brand', a.card_brand, 'last4', a.card_last4) from payment_attempts a
          where a.checkout_id = p.checkout_id and a.card_last4 is not null
          order by (a.state = 'succeeded') desc, a.attempt desc limit 1),
        'refunds', coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'amount', r.amount, 'status', r.state,
            'reason', coalesce(r.note, r.reason), 'createdAt', r.created_at) order by r.created_at, r.id)
          from refunds r where r.checkout_id = p.checkout_id and ${own('r')}), '[]'))
      from payments p where p.checkout_id = o.id) as payment,
    (select jsonb_build_object('kind', c.kind, 'reason', c.reason, 'open', c.open, 'stopsShipping', c.stops_shipping,
        'status', case when c.cleared_at is null then c.status else 'cleared' end, 'dueAt', c.due_at)
      from payment_concerns c where c.checkout_id = o.id and ${concerns}
     order by c.stops_shipping desc, c.kind = 'dispute' desc, c.opened_at desc, c.id limit 1) as dispute,
    coalesce((select jsonb_agg(jsonb_build_object('id', s.id, 'status', s.status, 'tracking', s.tracking,
        'location', (select name from stock_locations where id = s.location_id),
        'shippedAt', s.shipped_at, 'deliveredAt', s.delivered_at,
        'items', (select coalesce(jsonb_agg(jsonb_build_object('sku', sl.sku, 'quantity', sl.units)
            order by sl.sku), '[]') from shipment_lines sl where sl.shipment_id = s.id)) order by s.id)
      from shipments s where s.order_id = o.id and ${own('s')}), '[]') as shipments,
    case when o.outcome = 'confirmed' and not exists (
        select from order_history h where h.order_id = o.id and h.sku is null and h.to_status = 'paid')
      then (select a.settled_at from payment_attempts a where a.checkout_id = o.id and a.state = 'succeeded'
             order by a.attempt limit 1) end as "paidAt",
    coalesce((select jsonb_agg(jsonb_build_object('from', h.from_status, 'to', h.to_status, 'sku', h.sku,
        'actorId', h.actor_id, 'reason', h.reason, 'at', h.at) order by h.id)
      from order_history h where h.order_id = o.id and ${ownHistory}), '[]') as history`
}

const Locked = z.object({
  state,
  outcome,
  buyerId: z.string(),
  number: z.number().nullable(),
  placed: z.boolean(),
  overdue: z.boolean(),
})
export type LockedOrder = z.infer<typeof Locked>

/**
 * The row by which every race about an order is decided; null when there is none. `placed`: it was reserved once, so
 * that there is an order to be shown. `overdue`: the deadline of its hold has passed.
 */
export function lockOrder(
  tx: DatabaseTransactionConnection,
  orderId: string,
): Promise<LockedOrder | null> {
  return tx.maybeOne(sql.type(Locked)`
    select state, outcome, buyer_id as "buyerId", number, number is not null as placed,
        coalesce(expires_at <= now(), false) as overdue
      from orders where id = ${orderId} for update`)
}

const LineRow = z.object({
  sku: z.string(),
  progress,
  sellerId: z.string().nullable(),
  returned: z.boolean(),
  cancelled: z.boolean(),
})
export type OrderLine = Awaited<ReturnType<typeof linesOf>>[number]

/** The lines of an order whose row is locked, each with the word that is shown of it. */
export async function linesOf(
  tx: DatabaseTransactionConnection,
  orderId: string,
  { state, outcome }: Pick<LockedOrder, 'state' | 'outcome'>,
) {
  const rows = await tx.any(sql.type(LineRow)`
    select sku, progress, seller_id as "sellerId", quantity > 0 and returned = quantity as returned,
        ${state}::text = 'refunded' and exists (select from order_history h
          where h.order_id = ${orderId} and h.sku is null and h.to_status = 'cancelled') as cancelled
      from order_lines where order_id = ${orderId} order by sku`)
  return rows.map(({ progress, returned, cancelled, ...line }) => ({
    ...line,
    status: lineWord(state, outcome, progress, { cancelled, returned }),
  }))
}
