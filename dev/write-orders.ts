/** Orders of a made-up shop, written to PostgreSQL as if they had been placed, paid and delivered. */
import type { DatabaseTransactionConnection } from 'slonik'
import { sql } from '../src/platform/postgres/pool.ts'
import type { MadeUpOrder } from './made-up-shop.ts'

/** What {@link writeDeliveredOrders} fills and the planner has to look at again after many. */
export const tablesOfOrders = ['orders', 'order_lines'] as const

/**
 * Orders as the shop itself would have written them, down to their lines and payments, so that
 * every promise can be judged on them. Returns the ids of those that are new.
 */
export async function writeDeliveredOrders(
  tx: DatabaseTransactionConnection,
  orders: readonly MadeUpOrder[],
): Promise<string[]> {
  const rows = orders.map((order) => [
    order.id,
    order.buyerId,
    totalOf(order),
    'EUR',
    new Date(order.createdAtMs).toISOString(),
  ])
  const types = ['uuid', 'uuid', 'int8', 'text', 'timestamptz'] as const
  const added = await tx.any(sql.typeAlias('id')`
    insert into orders (id, buyer_id, total, currency, created_at, number, state, outcome)
    select *, nextval('order_numbers'), 'delivered', 'confirmed' from ${sql.unnest(rows, [...types])} as o
    on conflict do nothing
    returning id`)
  const fresh = new Set(added.map(({ id }) => id))
  const mine = rows.filter(([id]) => fresh.has(id as string))
  await tx.query(sql.typeAlias('none')`
    insert into payments (checkout_id, amount, captured, currency, status, created_at, updated_at)
    select o.id, o.total, o.total, o.currency, 'succeeded', o.at, o.at
      from ${sql.unnest(mine, [...types])} as o (id, buyer, total, currency, at)`)
  const lines = orders
    .filter(({ id }) => fresh.has(id))
    .flatMap(({ id, lines: bought }) =>
      bought.map(({ product, variant, units }) => [
        id,
        variant.sku,
        product.title,
        product.sellerId,
        units,
        variant.price,
      ]),
    )
  const lineTypes = ['uuid', 'text', 'text', 'uuid', 'int4', 'int4'] as const
  await tx.query(sql.typeAlias('none')`
    insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, stock, progress)
    select *, 'sold', 'delivered' from ${sql.unnest(lines, [...lineTypes])} as l`)
  return [...fresh]
}

function totalOf({ lines }: MadeUpOrder): number {
  return lines.reduce((sum, { variant, units }) => sum + variant.price * units, 0)
}
