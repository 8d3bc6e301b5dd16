/** What goes with a product: bought with it, else like it, else popular. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { isUuid } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'

/** Candidates of each kind; the ledger is asked about each. */
const candidatesMax = 60
/** Likes of a category that are compared. */
const likesMax = 120
/**
 * Orders that a pair is short of being believed: two products that once met in one order are hardly a
 * pair, however rarely they are bought.
 */
const doubt = 2

const Recommended = z.object({ id: z.string(), price: z.number() })
export interface Recommendation {
  readonly id: string
  readonly price: number
  readonly inStock: true
}

/**
 * At most `limit` products in stock, by the ledger, the best first; null when there is no such product on
 * show. Pairs are weighed by how often both were bought together, against how often each was: what
 * everybody buys goes with nothing in particular.
 */
export async function recommend(
  db: CommonQueryMethods,
  idOrSlug: string,
  limit: number,
): Promise<readonly Recommendation[] | null> {
  const key = isUuid(idOrSlug) ? sql.fragment`p.id` : sql.fragment`p.slug`
  const product = await db.maybeOne(sql.typeAlias('id')`
    select p.id from products p where ${key} = ${idOrSlug} and p.archived_at is null`)
  if (!product) return null
  const { id } = product
  const rows = await db.any(sql.type(Recommended)`
    with this as (
      select p.id, p.category, s.price,
          coalesce((select array_agg(distinct o) from variant_search v, unnest(v.options) as o
            where v.product_id = p.id), '{}') as options,
          coalesce((select orders from product_sales where product_id = p.id), 0) as orders
        from products p left join product_search s on s.product_id = p.id where p.id = ${id}),
    together as (
      select b.other_id as id, 1 as kind,
          b.orders / sqrt((t.orders + ${doubt})::float8 * (coalesce(s.orders, 0) + ${doubt})) as score
        from (select other_id, orders from product_pairs where product_id = ${id}
               order by orders desc limit ${candidatesMax}) as b
        cross join this t
        left join product_sales s on s.product_id = b.other_id),
    near as (
      (select s.product_id, s.price from product_search s, this t
        where s.category = t.category and s.price >= t.price order by s.price, s.product_id limit ${likesMax / 2})
      union all
      (select s.product_id, s.price from product_search s, this t
        where s.category = t.category and s.price < t.price order by s.price desc, s.product_id desc limit ${likesMax / 2})),
    alike as (
      select n.product_id as id, 2 as kind,
          (select count(distinct o) from variant_search v, unnest(v.options) as o
            where v.product_id = n.product_id and o = any(t.options))::float8
            - abs(ln((n.price + 1)::float8 / (t.price + 1))) as score
        from near n cross join this t where n.product_id <> t.id
       order by score desc, n.product_id limit ${candidatesMax}),
    popular as (
      select product_id as id, 3 as kind, orders::float8 as score
        from product_sales where product_id <> ${id} order by orders desc, product_id limit ${candidatesMax}),
    best as (
      select distinct on (id) id, kind, score
        from (select * from together union all select * from alike union all select * from popular) as every
       where id <> ${id} order by id, kind)
    select b.id, l.price
      from best b
      join products p on p.id = b.id and p.archived_at is null
      join lateral (
        select min(v.price) as price from variants v join ledger l on l.sku = v.sku
         where v.product_id = b.id and v.archived_at is null and l.free + l.set_aside > 0) as l on l.price is not null
     order by b.kind, b.score desc, b.id limit ${limit}`)
  return rows.map((row) => ({ ...row, inStock: true }))
}
