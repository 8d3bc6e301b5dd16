/** What became of the orders of a scenario, and orders of a made-up history. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'
import { type LatencyMs, noLatency } from '../load/latency.ts'

export interface Commits {
  readonly committed: number
  /** Milliseconds since the epoch, by PostgreSQL's clock; null when it does not keep commit times. */
  readonly firstAtMs: number | null
  readonly lastAtMs: number | null
  /** Orders in the transaction that committed first. */
  readonly inFirst: number
  /** From a checkout's admission (the time in its id) to its commit. */
  readonly latencyMs: LatencyMs
}

/** Units of a SKU that are held or sold, added up order by order. */
export const unitsTaken = (q: CommonQueryMethods, sku: string) =>
  q.oneFirst(sql.typeAlias('count')`
    select coalesce(sum(quantity), 0)::int as count from order_lines
     where sku = ${sku} and stock in ('held', 'sold')`)

/** Carts of which it is not decided yet whether all their parts are held. */
export const countAssembling = (q: CommonQueryMethods) =>
  q.oneFirst(sql.typeAlias('count')`
    select count(*) as count from orders where state = 'assembling'`)

const Charges = z.object({ paid: z.number(), captured: z.number(), twice: z.number() })

/** Orders with a SKU: how many are paid, how many are charged in full, and how many are charged too much. */
export const chargesOf = (q: CommonQueryMethods, sku: string) =>
  q.one(sql.type(Charges)`
    with mine as (select order_id from order_lines where sku = ${sku})
    select count(*) filter (where o.state = 'paid') as paid,
        count(*) filter (where p.captured = o.total) as captured,
        count(*) filter (where p.captured > o.total) as twice
      from mine join orders o on o.id = mine.order_id join payments p on p.checkout_id = o.id`)

const commitsRow = z.object({
  committed: z.number(),
  first_ms: z.number().nullable(),
  last_ms: z.number().nullable(),
  in_first: z.number(),
  latency: z.array(z.number()).nullable(),
})

/** What was committed for the SKU, and when. */
export async function commitsOf(pool: CommonQueryMethods, sku: string): Promise<Commits> {
  const { on } = await pool.one(
    sql.type(z.object({ on: z.boolean() }))`
      select current_setting('track_commit_timestamp')::boolean as on`,
  )
  if (!on) {
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*)::int as count from order_lines where sku = ${sku} and stock in ('held', 'sold')`)
    return { committed: count, firstAtMs: null, lastAtMs: null, inFirst: 0, latencyMs: noLatency }
  }
  // The first 48 bits of a UUIDv7 are its time in milliseconds. A row that nobody has touched since it
  // was made has the transaction that made it in xmin.
  const row = await pool.one(sql.type(commitsRow)`
    with times as (
      select (extract(epoch from pg_xact_commit_timestamp(o.xmin)) * 1000)::float8 as committed_ms,
          ('x' || left(replace(o.id::text, '-', ''), 12))::bit(48)::bigint::float8 as admitted_ms
        from order_lines l join orders o on o.id = l.order_id
       where l.sku = ${sku} and l.stock in ('held', 'sold'))
    select count(*)::int as committed, min(committed_ms) as first_ms, max(committed_ms) as last_ms,
        (count(*) filter (where committed_ms = (select min(committed_ms) from times)))::int as in_first,
        percentile_disc(array[0.5, 0.9, 0.99, 1]) within group
          (order by greatest(committed_ms - admitted_ms, 0)) as latency
      from times`)
  const [p50 = 0, p90 = 0, p99 = 0, max = 0] = (row.latency ?? []).map(toMicros)
  return {
    committed: row.committed,
    firstAtMs: row.first_ms,
    lastAtMs: row.last_ms,
    inFirst: row.in_first,
    latencyMs: { p50, p90, p99, max },
  }
}

const toMicros = (ms: number) => Math.round(ms * 1000) / 1000

/** Writes the lines of paid orders, one unit of each SKU at 10.00 EUR, and nothing else of them. */
export async function writePaidLines(
  q: CommonQueryMethods,
  orders: readonly { readonly id: string; readonly skus: readonly string[] }[],
): Promise<void> {
  const lines = orders.flatMap(({ id, skus }) => skus.map((sku) => [id, sku]))
  await q.query(sql.typeAlias('none')`
    insert into order_lines (order_id, sku, title, quantity, unit_price, stock)
    select *, 'Item', 1, 1000, 'sold' from ${sql.unnest(lines, ['uuid', 'text'])} as l`)
}
