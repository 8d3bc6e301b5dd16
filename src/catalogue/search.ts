/**
 * Search: filters and order to one page of hits. Where only the product itself is asked about, its row has
 * the answer and an index the order; options and prices are asked of the variants, and one variant must
 * have them all.
 */
import type { CommonQueryMethods, FragmentSqlToken as SqlFragment } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import type { ReadQuery } from './read-query.ts'

export interface Filters {
  /** Undefined: no text was typed. */
  readonly words?: ReadQuery | undefined
  readonly category?: string | undefined
  /** Minor units. */
  readonly minPrice?: number | undefined
  readonly maxPrice?: number | undefined
  /** For each option, the values that will do, as name=value. */
  readonly options: readonly (readonly string[])[]
  readonly inStock: boolean
}

export const sorts = ['relevance', 'newest', 'price_asc', 'price_desc'] as const
export type Sort = (typeof sorts)[number]

/** A product that was found, and what its place in the list depends on. */
export interface Hit {
  readonly id: string
  /** The lowest price of the variants that are meant. */
  readonly price: number
  readonly inStock: boolean
  readonly rank: number
}

const HitRow = z.object({
  id: z.string(),
  price: z.number(),
  in_stock: z.boolean(),
  rank: z.number(),
})

/** The next `limit` hits after `after`. Keyset, so that what comes and goes meanwhile shifts nothing. */
export async function findHits(
  db: CommonQueryMethods,
  filters: Filters,
  page: { readonly sort: Sort; readonly after: Hit | null; readonly limit: number },
): Promise<readonly Hit[]> {
  const { sort, after, limit } = page
  const rows = await db.any(sql.type(HitRow)`
    select id, price, in_stock, rank from (${matching(filters)}) as hits
     where ${after ? isAfter(sort, after) : sql.fragment`true`}
     order by ${orders[sort]} limit ${limit}`)
  return rows.map(({ id, price, in_stock, rank }) => ({ id, price, inStock: in_stock, rank }))
}

const orders: Readonly<Record<Sort, SqlFragment>> = {
  relevance: sql.fragment`rank desc, id desc`,
  newest: sql.fragment`id desc`,
  price_asc: sql.fragment`price, id`,
  price_desc: sql.fragment`price desc, id desc`,
}

/** Ids are UUIDv7: their order is that of time. */
function isAfter(sort: Sort, { id, price, rank }: Hit): SqlFragment {
  switch (sort) {
    case 'relevance':
      return sql.fragment`(rank, id) < (${rank}::float8, ${id}::uuid)`
    case 'newest':
      return sql.fragment`id < ${id}::uuid`
    case 'price_asc':
      return sql.fragment`(price, id) > (${price}::int4, ${id}::uuid)`
    case 'price_desc':
      return sql.fragment`(price, id) < (${price}::int4, ${id}::uuid)`
  }
}

/** All hits, as `id, price, in_stock, rank`. */
function matching(filters: Filters): SqlFragment {
  const asked = asksVariants(filters) ? matchingVariants(filters) : null
  const rank = filters.words
    ? sql.fragment`ts_rank(s.words, ${tsquery(filters.words)})::float8`
    : sql.fragment`0::float8`
  if (asked) {
    if (!filters.words)
      return sql.fragment`select product_id as id, price, in_stock, 0::float8 as rank from (${asked}) as v`
    return sql.fragment`
      select v.product_id as id, v.price, v.in_stock, ${rank} as rank
        from (${asked}) as v join product_search s on s.product_id = v.product_id`
  }
  const price = filters.inStock ? sql.fragment`s.stock_price` : sql.fragment`s.price`
  return sql.fragment`
    select s.product_id as id, ${price} as price, s.stock_price is not null as in_stock, ${rank} as rank
      from product_search s where ${ofProducts(filters)}`
}

function asksVariants({ options, minPrice, maxPrice }: Filters): boolean {
  return options.length > 0 || minPrice !== undefined || maxPrice !== undefined
}

function ofProducts({ category, words, inStock }: Filters): SqlFragment {
  return all([
    category === undefined ? null : sql.fragment`s.category = ${category}`,
    words === undefined ? null : sql.fragment`s.words @@ ${tsquery(words)}`,
    inStock ? sql.fragment`s.stock_price is not null` : null,
  ])
}

/** One row for each product that has a variant with everything that is asked for. */
function matchingVariants(filters: Filters): SqlFragment {
  return sql.fragment`
    select product_id, min(price) as price, bool_or(in_stock) as in_stock
      from variant_search v where ${ofVariants(filters)} group by product_id`
}

/** The conditions on a row `v` of variant_search. */
export function ofVariants(filters: Filters): SqlFragment {
  const { category, words, minPrice, maxPrice, options, inStock } = filters
  return all([
    category === undefined ? null : sql.fragment`v.category = ${category}`,
    minPrice === undefined ? null : sql.fragment`v.price >= ${minPrice}`,
    maxPrice === undefined ? null : sql.fragment`v.price <= ${maxPrice}`,
    ...options.map((any) => sql.fragment`v.options && ${sql.array([...any], 'text')}`),
    inStock ? sql.fragment`v.in_stock` : null,
    words === undefined
      ? null
      : sql.fragment`v.product_id in (
          select s.product_id from product_search s where s.words @@ ${tsquery(words)})`,
  ])
}

function all(conditions: readonly (SqlFragment | null)[]): SqlFragment {
  const present = conditions.filter((condition) => condition !== null)
  if (present.length === 0) return sql.fragment`true`
  return sql.fragment`${sql.join(present, sql.fragment` and `)}`
}

/** As typed, or by its stem: `(red | red) & (shoe | shoes)`. A query without a word finds nothing. */
function tsquery(words: ReadQuery): SqlFragment {
  const readings = words.map((reading) => {
    const either = reading.flatMap((word) => [
      sql.fragment`plainto_tsquery('simple', ${word})`,
      sql.fragment`plainto_tsquery('english', ${word})`,
    ])
    return sql.fragment`(${sql.join(either, sql.fragment` || `)})`
  })
  if (readings.length === 0) return sql.fragment`''::tsquery`
  return sql.fragment`(${sql.join(readings, sql.fragment` && `)})`
}
