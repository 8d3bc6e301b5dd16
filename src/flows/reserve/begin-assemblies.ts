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
}

/** Which checkout stands for the key; `fresh` when it was made just now, with this purchase. */
export interface Begun {
  /** Of the new checkout, or of the one that has the key. */
  readonly id: string
  readonly fingerprint: string
  readonly fresh: boolean
}

/** Checkouts of one statement, at most. */
const batchMax = 100
/** Checkouts that wait for a statement, at most. */
const waitingMax = 10_000
/** How often a key is looked up that somebody else is about to use, or to give back. */
const attemptsMax = 5

/**
 * Builds, for {@link Assembly}, what writes row, parts and deadline of a checkout. Those that come
 * together begin in one statement, with one flush to disk. The function rejects with AppError
 * overloaded when too many wait, or while another request uses the key; and with PostgreSQL's
 * errors.
 */
export function createBeginAssembly(pool: DatabasePool): (begin: Beginning) => Promise<Begun> {
  const together = new Coalescer<Beginning, Begun | null>({
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

const Row = z.object({ n: z.number(), id: z.string(), fingerprint: z.string(), fresh: z.boolean() })

/**
 * Writes rows and parts, or finds the checkouts that have the keys; null where neither was
 * possible.
 */
async function beginTogether(
  pool: DatabasePool,
  asks: readonly Beginning[],
): Promise<(Begun | null)[]> {
  const rows = asks.map(({ id, purchase: { buyerId, key, fingerprint } }, n) => [
    n,
    id,
    buyerId,
    key,
    fingerprint,
  ])
  const parts = asks.flatMap(({ id, purchase }) =>
    purchase.lines.map(({ sku, quantity }) => [id, sku, quantity]),
  )
  const found = await pool.any(sql.prepared('begin-assemblies', Row)`
    with asked as (
      select * from ${sql.unnest(rows, ['int4', 'uuid', 'uuid', 'text', 'text'])}
        as asked (n, id, buyer_id, key, fingerprint)),
    begun as (
      insert into orders (id, buyer_id, idempotency_key, fingerprint, state, expires_at)
      select id, buyer_id, key, fingerprint, 'assembling',
        now() + make_interval(secs => ${limits.assemblySeconds}) from asked
      on conflict on constraint orders_buyer_key do nothing
      returning id),
    parts as (
      insert into order_lines (order_id, sku, quantity, stock)
      select part.id, part.sku, part.units, 'asked'
        from ${sql.unnest(parts, ['uuid', 'text', 'int4'])} as part (id, sku, units)
       where part.id in (select id from begun))
    select a.n, a.id, a.fingerprint, true as fresh from asked a join begun using (id)
    union all
    select a.n, c.id, c.fingerprint, false
      from asked a cross join lateral (
        select id, fingerprint from orders
         where buyer_id = a.buyer_id and idempotency_key = a.key offset 0) c`)
  const byAsk = new Map(found.map((row) => [row.n, row]))
  return asks.map((_, n) => byAsk.get(n) ?? null)
}
