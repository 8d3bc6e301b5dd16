/**
 * A checkout over several SKUs, all or nothing. First its row with its parts and a deadline; then
 * the gates; each actor writes only its own part; and one conditional update, outside the actors,
 * decides. Whatever fails on the way, every part gets a release.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { currencyOf } from '../../kernel/currency.ts'
import { RecentMap } from '../../kernel/recent-map.ts'
import { mayMove } from '../../orders/order-sql.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { Gate, GateOutcome } from '../../stock/gate/gate.ts'
import { type PostGates, postStockCommands } from '../../stock/gate/post-commands.ts'
import type { CheckoutIds } from '../../stock/protocol/checkout-id.ts'
import { partitionOf } from '../../stock/protocol/partition.ts'
import { createBeginAssembly } from './begin-assemblies.ts'
import { findByKey } from './checkout-repository.ts'
import { releaseUnits } from './end-checkout.ts'
import { refusalOf, totalTooLarge, unknownSku } from './refusals.ts'
import { type Line, type Purchase, type Refusal, type ReserveOutcome, refused } from './strategy.ts'

/** What reserving several SKUs at once is built from. */
export interface AssemblyDeps {
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly gate: Gate
  readonly ids: CheckoutIds
  /** The currency of each SKU that exists. */
  readonly currencies: (skus: readonly string[]) => Promise<ReadonlyMap<string, string>>
}

/** With fewer units than that left of any of its SKUs, a checkout asks one gate after the other. */
const plentyUnits = 1_000
/** SKUs whose currency and last known units are remembered, at most. */
const rememberedMax = 50_000

/**
 * For the strategy `actor`, one for each process: reserves all lines of a checkout over several
 * SKUs, or none. Remembers what the gates said last of each SKU.
 */
export class Assembly {
  readonly #deps: AssemblyDeps
  readonly #begin: ReturnType<typeof createBeginAssembly>
  /**
   * What a SKU costs is in one currency, for ever; its gate refuses it when it is not sold any
   * more.
   */
  readonly #known = new RecentMap<string>(rememberedMax)
  /** What the gates said last. */
  readonly #unitsLeft = new RecentMap<number>(rememberedMax)

  constructor(deps: AssemblyDeps) {
    this.#deps = deps
    this.#begin = createBeginAssembly(deps.pool)
  }

  /**
   * Answers `queued` once every gate has granted its units. Refuses with what a gate said ({@link
   * refusalOf}), `not_found`, `mixed_currency`, or `validation_failed` for a total that no payment
   * can take; then nothing is kept. @throws AppError overloaded when too many wait, or the key is in
   * use; PostgreSQL's errors.
   */
  async reserve(purchase: Purchase): Promise<ReserveOutcome> {
    const { pool, gate, ids } = this.#deps
    const { buyerId, key, lines } = purchase
    const before = gate.known(buyerId, key)
    if (before) return before
    const currencies = await this.#currencies(lines)
    const refusal = refusalFor(lines, currencies)
    // A replay is answered although what it named may have been archived since.
    if (refusal) return (await findReplay(pool, buyerId, key)) ?? refusal
    const [currency = ''] = currencies.values()
    const begun = await this.#begin({
      purchase,
      most: currencyOf(currency)?.most ?? null,
      id: ids.mint(partitionOf(lines[0]?.sku as string), 0, buyerId),
    })
    if ('tooLarge' in begun) return totalTooLarge(begun.tooLarge, currency)
    if (!begun.fresh) {
      return { tag: 'repeated', checkoutId: begun.id, fingerprint: begun.fingerprint }
    }
    const refused = await this.#admitAll(purchase, begun.id)
    if (!refused) return { tag: 'accepted', checkoutId: begun.id, status: 'queued' }
    await giveUp(this.#deps, [begun.id], refused.outcome.tag)
    return refusalOf(refused.sku, refused.outcome)
  }

  async #currencies(lines: readonly Line[]): Promise<ReadonlyMap<string, string>> {
    const unknown = lines.filter(({ sku }) => this.#known.get(sku) === undefined)
    if (unknown.length > 0) {
      const found = await this.#deps.currencies(unknown.map(({ sku }) => sku))
      for (const [sku, currency] of found) this.#known.set(sku, currency)
    }
    return new Map(
      lines.flatMap(({ sku }) => {
        const currency = this.#known.get(sku)
        return currency === undefined ? [] : [[sku, currency]]
      }),
    )
  }

  async #admit(
    { buyerId, lines }: Purchase,
    checkoutId: string,
    { sku, quantity }: Line,
  ): Promise<Refused | null> {
    const outcome = await this.#deps.gate.admit({
      sku,
      buyerId,
      units: quantity,
      key: null,
      fingerprint: '',
      checkoutId,
      // Tells the worker when all of them are there.
      parts: lines.length,
    })
    if (outcome.tag === 'repeated') return null
    if (outcome.tag === 'granted' || outcome.tag === 'sold_out') {
      this.#unitsLeft.set(sku, outcome.unitsLeft)
    }
    return outcome.tag === 'granted' ? null : { sku, outcome }
  }

  /**
   * The first refusal, or null. Scarce SKUs are asked in one order by everybody: were they asked at
   * once, two crossed baskets could each get what the other one needs, and both be refused.
   */
  async #admitAll(purchase: Purchase, checkoutId: string): Promise<Refused | null> {
    const { lines } = purchase
    const plenty = lines.every(
      ({ sku, quantity }) => (this.#unitsLeft.get(sku) ?? 0) >= plentyUnits + quantity,
    )
    if (plenty) {
      const refusals = await Promise.all(
        lines.map((line) => this.#admit(purchase, checkoutId, line)),
      )
      return refusals.find((each) => each !== null) ?? null
    }
    for (const line of lines) {
      const refused = await this.#admit(purchase, checkoutId, line)
      if (refused) return refused
    }
    return null
  }
}

interface Refused {
  readonly sku: string
  readonly outcome: Exclude<GateOutcome, { tag: 'granted' | 'repeated' }>
}

function refusalFor(
  lines: readonly Line[],
  currencies: ReadonlyMap<string, string>,
): Refusal | null {
  const missing = lines.find(({ sku }) => !currencies.has(sku))
  if (missing) return unknownSku(missing.sku)
  if (new Set(currencies.values()).size === 1) return null
  return refused('mixed_currency', 'All SKUs of a checkout must have the same currency.')
}

async function findReplay(
  pool: DatabasePool,
  buyerId: string,
  key: string,
): Promise<ReserveOutcome | null> {
  const found = await findByKey(pool, buyerId, key)
  return found && { tag: 'repeated', checkoutId: found.id, fingerprint: found.fingerprint }
}

/**
 * For {@link Assembly}, the worker and a job: rejects assemblies that are not decided, frees their
 * key, and releases whatever they got or may yet get. `reason` is stored with them. Rejects when
 * PostgreSQL is away; of the gates nothing is thrown.
 */
export async function giveUp(
  deps: Pick<AssemblyDeps, 'pool' | 'gates'>,
  checkoutIds: readonly string[],
  reason: string,
): Promise<void> {
  const commands = await deps.pool.transaction(async (tx) => {
    const ended = await tx.any(sql.typeAlias('id')`
      with mine as (
        select id from orders o
         where id = any(${sql.array([...checkoutIds], 'uuid')}) and ${mayMove('o', 'assembly', 'rejected')}
         order by id for update)
      update orders o set state = 'rejected', outcome = 'rejected', reason = ${reason}, idempotency_key = null
        from mine where o.id = mine.id and ${mayMove('o', 'assembly', 'rejected')}
      returning o.id`)
    return releaseUnits(
      tx,
      ended.map(({ id }) => id),
      `assembly ${reason}`,
    )
  })
  // Those that the gates do not take now are posted again by their owner.
  await postStockCommands(deps.gates, commands).catch(() => {})
}

const Decided = z.object({
  id: z.string(),
  total: z.number(),
  currency: z.string(),
  expires_at: z.date(),
})
/** A checkout that was reserved: its total in minor units, and when its hold ends. */
export type Decided = z.infer<typeof Decided>

/**
 * For the worker after a commit, and a job: reserves those of the assemblies whose parts are all
 * held, for `holdSeconds` seconds. The decision is made once, by one statement, which locks their
 * rows in one order. Rejects when PostgreSQL is away; it is safe to ask again.
 */
export async function decideAssemblies(
  pool: DatabasePool,
  checkoutIds: readonly string[],
  holdSeconds: number,
): Promise<readonly Decided[]> {
  return pool.any(sql.prepared('decide-assemblies', Decided)`
    with whole as materialized (
      select asked.id, l.total, l.sku
        from ${sql.unnest(
          checkoutIds.map((id) => [id]),
          ['uuid'],
        )} as asked (id)
        cross join lateral (
          select bool_and(stock = 'held') as held, sum(quantity * unit_price::bigint)::bigint as total, min(sku) as sku
            from order_lines where order_id = asked.id) l
       where l.held
       order by asked.id),
    mine as materialized (
      select whole.* from whole
       cross join lateral (select state from orders where id = whole.id for update offset 0) o
       where ${mayMove('o', 'assembly', 'reserved')})
    update orders o
       set state = 'reserved', number = nextval('order_numbers'), total = mine.total,
           expires_at = now() + make_interval(secs => ${holdSeconds}),
           currency = (select v.currency from variants v where v.sku = mine.sku)
      from mine where o.id = mine.id and ${mayMove('o', 'assembly', 'reserved')}
    returning o.id, o.total, o.currency, o.expires_at`)
}

/**
 * For a job, every 5 seconds: ids of assemblies past their deadline, up to 1,000. Rejects when
 * PostgreSQL is away.
 */
export async function overdueAssemblies(pool: DatabasePool): Promise<string[]> {
  const rows = await pool.any(sql.typeAlias('id')`
    select id from orders
     where outcome is null and state = 'assembling' and expires_at < now() limit 1000`)
  return rows.map(({ id }) => id)
}

/**
 * For {@link Assembly}: the currency of those SKUs that are on sale, as an ISO 4217 code; the
 * others are left out. Rejects with PostgreSQL's errors.
 */
export async function currenciesOf(
  pool: DatabasePool,
  skus: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await pool.any(sql.type(z.object({ sku: z.string(), currency: z.string() }))`
    select v.sku, v.currency from variants v
    where v.sku = any(${sql.array([...skus], 'text')}) and v.archived_at is null`)
  return new Map(rows.map(({ sku, currency }) => [sku, currency]))
}
