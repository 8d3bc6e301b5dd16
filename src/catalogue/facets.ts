/** What a list could be narrowed by: how many of its products are of each category, have each option. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { type Filters, ofVariants } from './search.ts'

export interface FacetValue {
  readonly value: string
  /** Products. */
  readonly count: number
}

export interface Facets {
  readonly category: readonly FacetValue[]
  readonly options: Readonly<Record<string, readonly FacetValue[]>>
  /** Of the variants that are meant, minor units; null when there are none. */
  readonly price: { readonly min: number; readonly max: number } | null
}

const categoriesMax = 100
const valuesMax = 500
const valuesPerOption = 50

const Value = z.object({ value: z.string(), count: z.number() })
const FacetRow = z.object({
  categories: z.array(Value),
  options: z.array(Value),
  min: z.number().nullable(),
  max: z.number().nullable(),
})

/** Counts over everything that the filters find. One query; the most frequent values only. */
export async function countFacets(db: CommonQueryMethods, filters: Filters): Promise<Facets> {
  const row = await db.one(sql.type(FacetRow)`
    with matching as materialized (
      select product_id, category, price, options from variant_search v where ${ofVariants(filters)})
    select
      coalesce((select jsonb_agg(f) from (
        select category as value, count(*) as count from (
            select distinct product_id, category from matching) as c
         group by category order by 2 desc, 1 limit ${categoriesMax}) as f), '[]') as categories,
      coalesce((select jsonb_agg(f) from (
        select value, count(*) as count from (
            select distinct product_id, unnest(options) as value from matching) as o
         group by value order by 2 desc, 1 limit ${valuesMax}) as f), '[]') as options,
      (select min(price) from matching) as min, (select max(price) from matching) as max`)
  const { min, max } = row
  return {
    category: row.categories,
    options: byName(row.options),
    price: min === null || max === null ? null : { min, max },
  }
}

function byName(tokens: readonly FacetValue[]): Facets['options'] {
  const names = new Map<string, FacetValue[]>()
  for (const { value: token, count } of tokens) {
    const at = token.indexOf('=')
    const name = token.slice(0, at)
    const values = names.get(name) ?? []
    names.set(name, values)
    if (values.length < valuesPerOption) values.push({ value: token.slice(at + 1), count })
  }
  return Object.fromEntries(names)
}
