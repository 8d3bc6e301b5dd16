/**
 * What each checkout must have in PostgreSQL: its order, its lines, its holds, and one total. Serves two
 * promises, because both want the same four tables joined, and at a million checkouts that is the cost.
 */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { breachesMax, type Findings } from './findings.ts'
import { snapshot } from './snapshot.ts'

const Counts = z.object({ checkouts: z.number(), orders: z.number() })
const Flawed = z.object({
  lost: z.boolean(),
  id: z.string(),
  sku: z.string().nullable(),
  flaw: z.string(),
})

/** Adds to `lost` (promise 3) what a checkout misses, and to `once` (promise 4) what does not fit. */
export async function checkCheckouts(
  pool: DatabasePool,
  lost: Findings,
  once: Findings,
): Promise<void> {
  await snapshot(pool, async (tx) => {
    const counts = await tx.one(sql.type(Counts)`
      select (select count(*) from checkouts) as checkouts, (select count(*) from orders) as orders`)
    lost.checked(counts.checkouts)
    once.checked(counts.orders)
    for (const { lost: isLost, id, sku, flaw } of await flaws(tx)) {
      const sentence = `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}`
      if (isLost) lost.breach(`${sentence}; repair: restore the row from the checkout's holds`)
      else
        once.breach(`${sentence}; repair: compare its rows by hand, its holds are what was taken`)
    }
  })
}

// Only checkouts that were reserved once have an order: a cancel may come before that. Holds in the
// state void are tombstones of releases that overtook their reserve.
function flaws(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    with lines as (
      select order_id as id, min(sku) as sku, count(*) as parts, sum(quantity * unit_price::bigint) as total
        from order_lines group by order_id),
    kept as (
      select checkout_id as id, min(sku) as sku, count(*) as parts, sum(units * unit_price::bigint) as total
        from holds where state <> 'void' group by checkout_id),
    facts as (
      select coalesce(c.id, o.id, l.id, k.id) as id, coalesce(k.sku, l.sku) as sku,
          c.id is not null as has_checkout, o.id is not null as has_order,
          c.status in ('reserved', 'paying', 'confirmed', 'expired', 'payment_failed') as owes_order,
          c.status, c.total, o.total as order_total, o.currency = c.currency as one_currency,
          o.buyer_id = c.buyer_id as one_buyer,
          l.total as lines_total, l.parts as lines_parts, k.total as kept_total, k.parts as kept_parts
        from checkouts c
        full join orders o on o.id = c.id
        full join lines l on l.id = coalesce(c.id, o.id)
        full join kept k on k.id = coalesce(c.id, o.id, l.id)),
    flawed as (
      select id, sku,
          case
            when owes_order and not has_order then 'is ' || status || ' and has no order'
            when owes_order and lines_parts is null then 'is ' || status || ' and its order has no lines'
            when owes_order and kept_parts is null then 'is ' || status || ' and has no hold'
            when has_checkout and has_order and total <> order_total
              then 'has the total ' || total || ', its order ' || order_total
            when has_checkout and has_order and one_currency is not true then 'and its order differ in currency'
          end as lost,
          case
            when has_order and not has_checkout then 'has an order and no row of its own'
            when lines_parts is not null and not has_order then 'has order lines and no order'
            when kept_parts is not null and not has_checkout then 'has a hold and no row of its own'
            when has_checkout and has_order and not one_buyer then 'and its order have different buyers'
            when has_order and lines_parts <> kept_parts
              then 'has ' || lines_parts || ' order lines and ' || kept_parts || ' holds'
            when has_order and lines_total <> order_total
              then 'has order lines of ' || lines_total || ' and the total ' || order_total
            when has_order and kept_total <> order_total
              then 'has holds of ' || kept_total || ' and the total ' || order_total
          end as twice
        from facts)
    (select true as lost, id, sku, lost as flaw from flawed where lost is not null order by id limit ${breachesMax})
    union all
    (select false, id, sku, twice from flawed where twice is not null order by id limit ${breachesMax})`)
}

interface Uniqueness {
  readonly index: string
  readonly table: string
  readonly columns: readonly string[]
}

/** The indexes that make a second one impossible, whoever wins a race. */
const uniques: readonly Uniqueness[] = [
  { index: 'checkouts_buyer_key', table: 'checkouts', columns: ['buyer_id', 'idempotency_key'] },
  { index: 'checkouts_pkey', table: 'checkouts', columns: ['id'] },
  { index: 'holds_pkey', table: 'holds', columns: ['checkout_id', 'sku'] },
  { index: 'orders_pkey', table: 'orders', columns: ['id'] },
  { index: 'order_lines_pkey', table: 'order_lines', columns: ['order_id', 'sku'] },
  {
    index: 'stock_commands_once',
    table: 'stock_commands',
    columns: ['checkout_id', 'sku', 'kind'],
  },
  { index: 'payments_pkey', table: 'payments', columns: ['checkout_id'] },
  { index: 'payments_intent_id_key', table: 'payments', columns: ['intent_id'] },
  {
    index: 'payment_attempts_pkey',
    table: 'payment_attempts',
    columns: ['checkout_id', 'attempt'],
  },
  { index: 'webhook_events_pkey', table: 'webhook_events', columns: ['id'] },
  { index: 'outbox_once', table: 'outbox', columns: ['topic', 'key'] },
]

const Index = z.object({ name: z.string() })
const Twice = z.object({ what: z.string(), count: z.number() })

/**
 * Exactly once: the unique indexes are there and valid. Where one is not, its
 * duplicates are looked for. A charge and an event are kept apart in the same way.
 */
export async function checkUniqueness(pool: DatabasePool, once: Findings): Promise<void> {
  await snapshot(pool, async (tx) => {
    const there = await tx.any(sql.type(Index)`
      select c.relname as name from pg_index i
        join pg_class c on c.oid = i.indexrelid
        join pg_class t on t.oid = i.indrelid
       where i.indisunique and i.indisvalid and i.indisready
         and t.relnamespace = current_schema()::regnamespace`)
    const names = new Set(there.map(({ name }) => name))
    once.checked(uniques.length)
    for (const unique of uniques) {
      if (!names.has(unique.index)) await nameDuplicates(tx, unique, once)
    }
  })
}

async function nameDuplicates(
  tx: DatabaseTransactionConnection,
  { index, table, columns }: Uniqueness,
  once: Findings,
): Promise<void> {
  const [first = ''] = columns
  once.breach(
    `${table}: the unique index ${index} is missing or not valid; repair: create it on (${columns.join(', ')})`,
  )
  const key = sql.join(
    columns.map((column) => sql.identifier([column])),
    sql.fragment`, `,
  )
  const whole = sql.join(
    columns.map((column) => sql.fragment`${sql.identifier([column])} is not null`),
    sql.fragment` and `,
  )
  const rows = await tx.any(sql.type(Twice)`
    select concat_ws(' ', ${key}) as what, count(*) as count from ${sql.identifier([table])}
     where ${whole} group by ${key} having count(*) > 1 order by min(${sql.identifier([first])}::text)
     limit ${breachesMax}`)
  for (const { what, count } of rows) {
    once.breach(`${table}: ${count} rows for ${what}; repair: keep the oldest, end the others`)
  }
}
