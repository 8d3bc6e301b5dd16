/**
 * A checkout over several SKUs, all or nothing. First its row with its parts and a deadline; then the
 * gates, one after the other; each actor writes only its own part; and one conditional update, outside
 * the actors, decides. Whatever fails on the way, every part gets a release.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { CheckoutIds } from '../stock/checkout-id.ts'
import type { Gate } from '../stock/gate.ts'
import { partitionOf } from '../stock/partition.ts'
import { postStockCommand } from '../stock/post-commands.ts'
import { releaseUnits } from './end-checkout.ts'
import { refusalOf, unknownSku } from './refusals.ts'
import { type Line, type Purchase, type Refusal, type ReserveOutcome, refused } from './strategy.ts'

export interface AssemblyDeps {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly gate: Gate
  readonly ids: CheckoutIds
  /** The currency of each SKU that exists. */
  readonly currencies: (skus: readonly string[]) => Promise<ReadonlyMap<string, string>>
}

export interface Assembly {
  reserve(purchase: Purchase): Promise<ReserveOutcome>
}

const Begun = z.object({ id: z.string(), fingerprint: z.string(), fresh: z.boolean() })

export function createAssembly(deps: AssemblyDeps): Assembly {
  const { pool, gate, ids } = deps
  return {
    async reserve(purchase) {
      const { buyerId, key, lines, fingerprint } = purchase
      const known = gate.known(buyerId, key)
      if (known) return known
      const currencies = await deps.currencies(lines.map(({ sku }) => sku))
      const refusal = refusalFor(lines, currencies)
      // A replay is answered although what it named may have been archived since.
      if (refusal) return (await findByKey(pool, buyerId, key)) ?? refusal
      const id = ids.mint(partitionOf(lines[0]?.sku as string), 0, buyerId)
      const begun = await begin(pool, purchase, id)
      if (!begun.fresh) {
        return { tag: 'repeated', checkoutId: begun.id, fingerprint: begun.fingerprint }
      }
      for (const { sku, quantity } of lines) {
        const outcome = await gate.admit({
          sku,
          buyerId,
          units: quantity,
          key: null,
          fingerprint,
          checkoutId: id,
        })
        if (outcome.tag === 'granted' || outcome.tag === 'repeated') continue
        await giveUp(deps, [id], outcome.tag)
        return refusalOf(sku, outcome)
      }
      return { tag: 'accepted', checkoutId: id, status: 'queued' }
    },
  }
}

function refusalFor(
  lines: readonly Line[],
  currencies: ReadonlyMap<string, string>,
): Refusal | null {
  const missing = lines.find(({ sku }) => !currencies.has(sku))
  if (missing) return unknownSku(missing.sku)
  if (new Set(currencies.values()).size === 1) return null
  return refused('mixed_currency', 'The SKUs of one checkout have one currency.')
}

async function findByKey(
  pool: DatabasePool,
  buyerId: string,
  key: string,
): Promise<ReserveOutcome | null> {
  const found = await pool.maybeOne(sql.type(Begun)`
    select id, fingerprint, false as fresh from checkouts
     where buyer_id = ${buyerId} and idempotency_key = ${key}`)
  return found && { tag: 'repeated', checkoutId: found.id, fingerprint: found.fingerprint }
}

/** Writes the row and its parts, or finds the checkout that has the key. */
async function begin(
  pool: DatabasePool,
  purchase: Purchase,
  id: string,
): Promise<z.infer<typeof Begun>> {
  const { buyerId, key, fingerprint, lines } = purchase
  const parts = lines.map(({ sku, quantity }) => [sku, quantity])
  for (let attempt = 0; attempt < 5; attempt++) {
    const begun = await pool.maybeOne(sql.type(Begun)`
      with begun as (
        insert into checkouts (id, buyer_id, idempotency_key, fingerprint, status, expires_at)
        values (${id}, ${buyerId}, ${key}, ${fingerprint}, 'assembling',
          now() + make_interval(secs => ${limits.assemblySeconds}))
        on conflict on constraint checkouts_buyer_key do nothing
        returning id, fingerprint),
      parts as (
        insert into checkout_parts (checkout_id, sku, units)
        select begun.id, part.sku, part.units
          from begun, ${sql.unnest(parts, ['text', 'int4'])} as part (sku, units))
      select id, fingerprint, true as fresh from begun
      union all
      select id, fingerprint, false from checkouts
       where buyer_id = ${buyerId} and idempotency_key = ${key}`)
    // Neither inserted nor visible: the winner committed in between, or gave its key back. Look again.
    if (begun) return begun
  }
  throw new AppError('overloaded', 'The key is contended; try again.', { retryAfterSeconds: 1 })
}

/** Rejects assemblies that are not decided, frees their key, and releases whatever they got or may yet get. */
export async function giveUp(
  deps: Pick<AssemblyDeps, 'pool' | 'redis'>,
  checkoutIds: readonly string[],
  reason: string,
): Promise<void> {
  const commands = await deps.pool.transaction(async (tx) => {
    const ended = await tx.any(sql.typeAlias('id')`
      update checkouts set status = 'rejected', reason = ${reason}, idempotency_key = null
       where id = any(${sql.array([...checkoutIds], 'uuid')}) and status = 'assembling'
      returning id`)
    return releaseUnits(
      tx,
      ended.map(({ id }) => id),
      `assembly ${reason}`,
    )
  })
  await Promise.allSettled(commands.map((command) => postStockCommand(deps.redis, command)))
}

const Decided = z.object({
  id: z.string(),
  total: z.number(),
  currency: z.string(),
  expires_at: z.date(),
})
export type Decided = z.infer<typeof Decided>

/** Reserves those of the assemblies whose parts are all held: the decision, made once, by one statement. */
export async function decideAssemblies(
  pool: DatabasePool,
  checkoutIds: readonly string[],
  holdSeconds: number,
): Promise<readonly Decided[]> {
  return pool.any(sql.type(Decided)`
    with whole as (
      select p.checkout_id, sum(h.units * h.unit_price::bigint)::bigint as total
        from checkout_parts p
        left join holds h on h.checkout_id = p.checkout_id and h.sku = p.sku and h.state = 'held'
       where p.checkout_id = any(${sql.array([...checkoutIds], 'uuid')})
       group by p.checkout_id
      having count(*) = count(h.sku)),
    won as (
      update checkouts c
         set status = 'reserved', total = whole.total, expires_at = now() + make_interval(secs => ${holdSeconds}),
             currency = (select v.currency from variants v join checkout_parts p on p.sku = v.sku
               where p.checkout_id = c.id limit 1)
        from whole where c.id = whole.checkout_id and c.status = 'assembling'
      returning c.id, c.buyer_id, c.total, c.currency, c.expires_at),
    placed as (
      insert into orders (id, buyer_id, status, total, currency)
      select id, buyer_id, 'awaiting_payment', total, currency from won),
    lines as (
      insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, status)
      select h.checkout_id, h.sku, h.title, h.seller_id, h.units, h.unit_price, 'awaiting_payment'
        from won join holds h on h.checkout_id = won.id)
    select id, total, currency, expires_at from won`)
}

/** Assemblies past their deadline, a bounded number of them. */
export async function overdueAssemblies(pool: DatabasePool): Promise<string[]> {
  const rows = await pool.any(sql.typeAlias('id')`
    select id from checkouts where status = 'assembling' and expires_at < now() limit 1000`)
  return rows.map(({ id }) => id)
}

/** The currency of those SKUs that are on sale. */
export async function currenciesOf(
  pool: DatabasePool,
  skus: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await pool.any(sql.type(z.object({ sku: z.string(), currency: z.string() }))`
    select v.sku, v.currency from variants v
    where v.sku = any(${sql.array([...skus], 'text')}) and v.archived_at is null`)
  return new Map(rows.map(({ sku, currency }) => [sku, currency]))
}
