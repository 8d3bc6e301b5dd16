/** Orders as PostgreSQL has them. One statement for a page, whatever its length. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { orderMoves } from './order-state.ts'

/** Who looks at orders. */
export interface Viewer {
  readonly id: string
  readonly role: 'buyer' | 'seller' | 'admin'
}

const orderStatus = z.enum(orderMoves.states)
const Item = z.object({
  sku: z.string(),
  title: z.string(),
  quantity: z.number(),
  unitPrice: z.number(),
  status: orderStatus,
})
const Payment = z.object({
  status: z.enum(['open', 'succeeded', 'canceled']),
  captured: z.number(),
  refunded: z.number(),
  refunding: z.boolean(),
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
const OrderRow = z.object({
  id: z.string(),
  number: z.number(),
  status: orderStatus,
  buyerId: z.string(),
  total: z.number(),
  currency: z.string(),
  createdAt: z.date(),
  items: z.array(Item),
  sellers: z.array(z.string()),
  payment: Payment.nullable(),
  shipments: z.array(Shipment),
  history: z.array(Change),
})
export type OrderRow = z.infer<typeof OrderRow>

type Fragment = ReturnType<typeof sql.fragment>

/** A page of the viewer's orders, the newest first: those below `before`. */
export function listOrders(
  db: CommonQueryMethods,
  viewer: Viewer,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly OrderRow[]> {
  const { limit, before } = page
  const below = (column: Fragment) =>
    before === null ? sql.fragment`true` : sql.fragment`${column} < ${before}::uuid`
  // Each by an index that has the order: a page deep in the list costs what the first one costs.
  const mine =
    viewer.role === 'seller'
      ? sql.fragment`
          select order_id as id from order_sellers
           where seller_id = ${viewer.id} and ${below(sql.fragment`order_id`)}
           order by order_id desc limit ${limit}`
      : sql.fragment`
          select id from orders
           where ${viewer.role === 'admin' ? sql.fragment`true` : sql.fragment`buyer_id = ${viewer.id}`}
             and ${below(sql.fragment`id`)}
           order by id desc limit ${limit}`
  return db.any(sql.type(OrderRow)`
    with mine as (${mine})
    select ${columns(viewer)} from mine join orders o on o.id = mine.id order by o.id desc`)
}

/** One order, if the viewer may see it; else null. */
export function findOrder(
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
  return db.maybeOne(sql.type(OrderRow)`
    select ${columns(viewer)} from orders o where o.id = ${orderId} and ${visible}`)
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
  return sql.fragment`
    o.id, o.number, o.status, o.buyer_id as "buyerId", o.total, o.currency, o.created_at as "createdAt",
    coalesce((select jsonb_agg(jsonb_build_object('sku', l.sku, 'title', l.title, 'quantity', l.quantity,
        'unitPrice', l.unit_price, 'status', l.status) order by l.sku)
      from order_lines l where l.order_id = o.id and ${own('l')}), '[]') as items,
    coalesce((select jsonb_agg(distinct l.seller_id) from order_lines l
      where l.order_id = o.id and l.seller_id is not null), '[]') as sellers,
    (select jsonb_build_object('status', p.status, 'captured', p.captured, 'refunded', p.refunded,
        'refunding', exists (select from refunds r where r.checkout_id = p.checkout_id and r.state = 'pending'))
      from payments p where p.checkout_id = o.id) as payment,
    coalesce((select jsonb_agg(jsonb_build_object('id', s.id, 'status', s.status, 'tracking', s.tracking,
        'location', (select name from stock_locations where id = s.location_id),
        'shippedAt', s.shipped_at, 'deliveredAt', s.delivered_at,
        'items', (select coalesce(jsonb_agg(jsonb_build_object('sku', sl.sku, 'quantity', sl.units)
            order by sl.sku), '[]') from shipment_lines sl where sl.shipment_id = s.id)) order by s.id)
      from shipments s where s.order_id = o.id and ${own('s')}), '[]') as shipments,
    coalesce((select jsonb_agg(jsonb_build_object('from', h.from_status, 'to', h.to_status, 'sku', h.sku,
        'actorId', h.actor_id, 'reason', h.reason, 'at', h.at) order by h.id)
      from order_history h where h.order_id = o.id and ${ownHistory}), '[]') as history`
}

const Locked = z.object({ status: orderStatus, buyerId: z.string() })

/** The row that every move of a paid order is decided by; null when there is none. */
export function lockOrder(
  tx: DatabaseTransactionConnection,
  orderId: string,
): Promise<z.infer<typeof Locked> | null> {
  return tx.maybeOne(sql.type(Locked)`
    select status, buyer_id as "buyerId" from orders where id = ${orderId} for update`)
}

const LineRow = z.object({
  sku: z.string(),
  status: orderStatus,
  sellerId: z.string().nullable(),
})
export type OrderLine = z.infer<typeof LineRow>

/** The lines of an order whose row is locked. */
export function linesOf(
  tx: DatabaseTransactionConnection,
  orderId: string,
): Promise<readonly OrderLine[]> {
  return tx.any(sql.type(LineRow)`
    select sku, status, seller_id as "sellerId" from order_lines where order_id = ${orderId} order by sku`)
}
