/**
 * What each checkout must have in PostgreSQL: a number once it is an order, its lines, and one total. Serves two
 * guarantees, because both want the same two tables joined, and at a million checkouts that is the cost.
 */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { checkoutWordOf } from '../orders/order-sql.ts'
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

/** Adds to `lost` (guarantee 3) what a checkout misses, and to `once` (guarantee 4) what does not fit. */
export async function checkCheckouts(
  pool: DatabasePool,
  lost: Findings,
  once: Findings,
): Promise<void> {
  await snapshot(pool, async (tx) => {
    const counts = await tx.one(sql.type(Counts)`
      select count(*) as checkouts, count(number) as orders from orders`)
    lost.checked(counts.checkouts)
    once.checked(counts.orders)
    for (const { lost: isLost, id, sku, flaw } of await flaws(tx)) {
      const sentence = `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}`
      if (isLost)
        lost.breach(
          `${sentence}; repair: restore the row from what the ledger and the buyer were told`,
        )
      else
        once.breach(`${sentence}; repair: compare its rows by hand, its lines are what was taken`)
    }
  })
}

// Only what was reserved once is an order: a cancel may come before that. Lines that are void are tombstones of
// releases that overtook their reserve.
function flaws(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    with kept as (
      select order_id as id, min(sku) as sku, count(*) filter (where stock <> 'void') as parts,
          count(*) filter (where stock = 'asked') as asked, sum(quantity * unit_price::bigint) as total
        from order_lines group by order_id),
    facts as (
      select coalesce(o.id, k.id) as id, k.sku, o.id is not null as has_row, o.number is not null as has_order,
          ${checkoutWordOf('o')} as status, o.total, o.currency, k.parts, k.asked, k.total as lines_total,
          o.state in ('reserved', 'paying', 'paid', 'processing', 'shipped', 'delivered', 'expired', 'payment_failed',
            'refunded') as owes_order
        from orders o full join kept k on k.id = o.id),
    flawed as (
      select id, sku,
          case
            when owes_order and not has_order then 'is ' || status || ' and has no order number'
            when has_order and parts is null then 'is ' || status || ' and its order has no lines'
            when has_order and asked > 0 then 'is ' || status || ' and some of its order is not held'
            when has_order and currency is null then 'is ' || status || ' and its order has no currency'
          end as lost,
          case
            when not has_row then 'has order lines and no row of its own'
            when has_order and lines_total <> total
              then 'has order lines of ' || lines_total || ' and the total ' || total
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
  { index: 'orders_buyer_key', table: 'orders', columns: ['buyer_id', 'idempotency_key'] },
  { index: 'orders_pkey', table: 'orders', columns: ['id'] },
  { index: 'order_lines_pkey', table: 'order_lines', columns: ['order_id', 'sku'] },
  {
    index: 'stock_commands_once',
    table: 'stock_commands',
    columns: ['checkout_id', 'sku', 'kind', 'part'],
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
