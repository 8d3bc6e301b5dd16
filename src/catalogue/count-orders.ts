/** What was bought, and what was bought together: the ground of recommendations. */
import type { DatabaseTransactionConnection } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'

/** Products of one order that are paired with each other; more of them say little about any two. */
const productsMax = 20

/**
 * Counts paid orders, each once however often it is given. Rows are written in one order, so that two
 * counters that meet wait for each other and do not lock each other out.
 */
export async function countOrders(
  tx: DatabaseTransactionConnection,
  orderIds: readonly string[],
): Promise<void> {
  if (orderIds.length === 0) return
  const fresh = await tx.any(sql.typeAlias('id')`
    insert into counted_orders (order_id)
    select id from unnest(${sql.array([...orderIds], 'uuid')}) as id order by id
    on conflict do nothing
    returning order_id as id`)
  const ids = sql.array(
    fresh.map(({ id }) => id),
    'uuid',
  )
  // Fetched order by order, whatever the planner believes of so many.
  const lines = sql.fragment`unnest(${ids}) as mine (id)
    cross join lateral (select * from order_lines where order_id = mine.id offset 0) as l`
  await tx.query(sql.typeAlias('none')`
    insert into product_sales (product_id, orders)
    select v.product_id, count(distinct l.order_id)
      from ${lines} join variants v on v.sku = l.sku
     group by v.product_id order by v.product_id
    on conflict (product_id) do update set orders = product_sales.orders + excluded.orders`)
  await tx.query(sql.typeAlias('none')`
    with bought as materialized (
      select order_id, product_id from (
        select l.order_id, v.product_id, row_number() over (partition by l.order_id order by v.product_id) as place
          from ${lines} join variants v on v.sku = l.sku
         group by l.order_id, v.product_id) as numbered
       where place <= ${productsMax})
    insert into product_pairs (product_id, other_id, orders)
    select a.product_id, b.product_id, count(*)
      from bought a join bought b on b.order_id = a.order_id and b.product_id <> a.product_id
     group by a.product_id, b.product_id order by a.product_id, b.product_id
    on conflict (product_id, other_id) do update set orders = product_pairs.orders + excluded.orders`)
}
