import type { CommonQueryMethods } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'

/** Which SKUs: those named, those whose gate was ever built, or every one. */
export type FlagScope = readonly string[] | 'opened' | 'all'

/**
 * Brings the flags by which searches filter to what the ledger says. Compares, and writes only what crossed
 * zero; the ledger itself, which every checkout writes, knows nothing of it. Units move only where a gate
 * was built, so that `opened` costs what is being sold and not what there is. Returns how many SKUs crossed.
 */
export async function refreshStockFlags(db: CommonQueryMethods, scope: FlagScope): Promise<number> {
  const crossed = await db.query(sql.typeAlias('none')`
    with crossed as (
      update variant_search v set in_stock = not v.in_stock
        from ledger l
       where l.sku = v.sku and v.in_stock <> (l.free + l.set_aside > 0) and ${chosen(scope)}
      returning v.product_id, v.sku, v.price, v.in_stock),
    products as (
      select c.product_id,
          (select min(price) from (
            select v.price from variant_search v
             where v.product_id = c.product_id and v.in_stock
               and not exists (select from crossed x where x.sku = v.sku)
            union all
            select x.price from crossed x where x.product_id = c.product_id and x.in_stock) as left_over) as price
        from crossed c group by c.product_id),
    moved as (
      update product_search s set stock_price = p.price from products p where p.product_id = s.product_id)
    select from crossed`)
  return crossed.rowCount
}

function chosen(scope: FlagScope) {
  if (scope === 'all') return sql.fragment`true`
  if (scope !== 'opened') return sql.fragment`v.sku = any(${sql.array([...scope], 'text')})`
  // Written so that the index of partition and generation serves it.
  return sql.fragment`l.generation > 0 and l.partition = any(array(select partition from partitions))`
}
