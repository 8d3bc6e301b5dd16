/** The first step of checkouts over several SKUs: their rows, their parts and their deadline. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { Coalescer } from '../../kernel/coalescer.ts'
import { AppError } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { Purchase } from './strategy.ts'

/** A purchase over several SKUs that {@link Assembly} begins. */
export interface Beginning {
  readonly purchase: Purchase
  /** Of the new checkout. */
  readonly id: string
  /** What one payment can take, in minor units; null: the gates judge each line alone. */
  readonly most: number | null
}

/** Which checkout stands for the key; `fresh` when it was made just now, with this purchase. */
export interface Begun {
  /** Of the new checkout, or of the one that has the key. */
  readonly id: string
  readonly fingerprint: string
  readonly fresh: boolean
}

/** Nothing was made: one payment cannot take this total, in minor units. */
export interface TooLarge {
  readonly tooLarge: number
}

/** Checkouts of one statement, at most. */
const batchMax = 100
/** Checkouts that wait for a statement, at most. */
const waitingMax = 10_000
/** How often a key is looked up that somebody else is about to use, or to give back. */
const attemptsMax = 5

/**
 * Builds, for {@link Assembly}, what writes row, parts and deadline of a checkout. Those that come
 * together begin in one statement, with one flush to disk. It adds up what the lines cost now: an
 * order that nobody could pay for is not made. The function rejects with AppError overloaded when
 * too many wait, or while another request uses the key; and with PostgreSQL's errors.
 */
export function createBeginAssembly(
  pool: DatabasePool,
): (begin: Beginning) => Promise<Begun | TooLarge> {
  const together = new Coalescer<Beginning, Begun | TooLarge | null>({
    run: (asks) => beginTogether(pool, asks),
    batchMax,
    waitingMax,
  })
  return async (begin) => {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const begun = await together.ask(begin)
      // Neither inserted nor visible: the winner committed in between, or gave its key back. Look
      // again.
      if (begun) return begun
    }
    throw new AppError(
      'overloaded',
      'Another request with this key is under way. Try again in a second.',
      { retryAfterSeconds: 1 },
    )
  }
}

const Row = z.object({
  n: z.number(),
  id: z.string(),
  fingerprint: z.string(),
  fresh: z.boolean(),
  tooLarge: z.number().nullable(),
})

/**
 * Writes rows and parts, or finds the checkouts that have the keys; null where neither was
 * possible.
 */
async function beginTogether(
  pool: DatabasePool,
  asks: readonly Beginning[],
): Promise<(Begun | TooLarge | null)[]> {
  const rows = asks.map(({ id, most, purchase: { buyerId, key, fingerprint } }, n) => [
    n,
    id,
    buyerId,
    key,
    fingerprint,
    most,
  ])
  const parts = asks.flatMap(({ id, purchase }) =>
    purchase.lines.map(({ sku, quantity }) => [id, sku, quantity]),
  )
  const found = await pool.any(sql.prepared('begin-assemblies', Row)`
    with asked as (
      select * from ${sql.unnest(rows, ['int4', 'uuid', 'uuid', 'text', 'text', 'int8'])}
        as asked (n, id, buyer_id, key, fingerprint, most)),
    part as materialized (
      select part.*, coalesce((select price from sales where sku = part.sku and state <> 'ended'),
          (select price from variants where sku = part.sku)) as price
        from ${sql.unnest(parts, ['uuid', 'text', 'int4'])} as part (id, sku, units)),
    large as materialized (
      select a.id, cost.total
        from asked a join (select id, sum(units * price::int8)::int8 as total from part group by id) cost using (id)
       where cost.total > a.most),
    begun as (
      insert into orders (id, buyer_id, idempotency_key, fingerprint, state, expires_at)
      select id, buyer_id, key, fingerprint, 'assembling',
        now() + make_interval(secs => ${limits.assemblySeconds})
        from asked where id not in (select id from large)
      on conflict on constraint orders_buyer_key do nothing
      returning id),
    parts as (
      insert into order_lines (order_id, sku, quantity, stock)
      select part.id, part.sku, part.units, 'asked'
        from part where part.id in (select id from begun))
    select a.n, a.id, a.fingerprint, true as fresh, null::int8 as "tooLarge" from asked a join begun using (id)
    union all
    select a.n, c.id, c.fingerprint, false, null
      from asked a cross join lateral (
        select id, fingerprint from orders
         where buyer_id = a.buyer_id and idempotency_key = a.key offset 0) c
    union all
    select a.n, a.id, a.fingerprint, false, large.total from asked a join large using (id)`)
  const byAsk = new Map<number, Begun | TooLarge>()
  for (const { n, tooLarge, ...begun } of found) {
    // A key that stands for a checkout is answered with it, whatever its lines would cost today.
    if (tooLarge === null) byAsk.set(n, begun)
    else if (!byAsk.has(n)) byAsk.set(n, { tooLarge })
  }
  return asks.map((_, n) => byAsk.get(n) ?? null)
}
