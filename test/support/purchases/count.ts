/** How many purchases PostgreSQL has, of whom and in which state. */
import type { CommonQueryMethods } from 'slonik'
import { orderWordOf } from '../../../src/orders/order-sql.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

/** Checkouts in one status, or of one buyer. */
export const countCheckouts = (
  q: CommonQueryMethods,
  { status, buyerId }: { readonly status?: string; readonly buyerId?: string },
) =>
  q.oneFirst(sql.typeAlias('count')`
    select count(*) as count from orders o
     where (${status ?? null}::text is null or coalesce(o.outcome, o.state) = ${status ?? null})
       and (${buyerId ?? null}::uuid is null or buyer_id = ${buyerId ?? null})`)

/** All orders, or those in one of some statuses, or of one buyer. */
export const countOrders = (
  q: CommonQueryMethods,
  { statuses, buyerId }: { readonly statuses?: readonly string[]; readonly buyerId?: string } = {},
) =>
  q.oneFirst(sql.typeAlias('count')`
    select count(*) as count from orders o
     where number is not null
       and (${statuses === undefined} or ${orderWordOf('o')} = any(${sql.array([...(statuses ?? [])], 'text')}))
       and (${buyerId ?? null}::uuid is null or buyer_id = ${buyerId ?? null})`)

/** How often an order, or a line of one, has moved to a status. An attempt that succeeded is a move to paid. */
export const countMovesTo = (q: CommonQueryMethods, status: string) =>
  q.oneFirst(sql.typeAlias('count')`
    select (select count(*) from order_history where to_status = ${status})
      + (select count(*) from payment_attempts a join orders o on o.id = a.checkout_id
          where ${status} = 'paid' and a.state = 'succeeded' and o.outcome = 'confirmed') as count`)

/** Places that a buyer's orders are to be sent to. */
export const countDestinations = (q: CommonQueryMethods, buyerId: string) =>
  q.oneFirst(sql.typeAlias('count')`
    select count(*) as count from order_destinations d join orders o on o.id = d.order_id
     where o.buyer_id = ${buyerId}`)
