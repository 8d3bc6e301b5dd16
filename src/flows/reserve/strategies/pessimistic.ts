/**
 * The textbook: SELECT … FOR UPDATE on the stock row, check, write, commit. Correct, and every
 * buyer of one product waits for every other. It is here to be compared with.
 */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../../../kernel/clock.ts'
import { currencyOf } from '../../../kernel/currency.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { CheckoutIds } from '../../../stock/protocol/checkout-id.ts'
import type { Offer, OfferSource } from '../../../stock/protocol/offers.ts'
import { partitionOf } from '../../../stock/protocol/partition.ts'
import {
  ended,
  notOpen,
  overLimit,
  soldOut,
  totalTooLarge,
  unknownSku,
  unpayable,
} from '../refusals.ts'
import {
  type Line,
  type Purchase,
  type Refusal,
  type ReservationStrategy,
  refused,
} from '../strategy.ts'

/** What the strategy is built from; `holdSeconds` is how long a buyer has to pay. */
export interface PessimisticDeps {
  readonly pool: DatabasePool
  readonly ids: CheckoutIds
  readonly offers: OfferSource
  readonly clock: Clock
  readonly holdSeconds: number
}

const LedgerRow = z.object({ free: z.number() })
const Known = z.object({ id: z.string(), fingerprint: z.string() })

/** Rolls the transaction back and becomes the answer. */
class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.detail)
    this.refusal = refusal
  }
}

class Repeated extends Error {}

/**
 * Builds the strategy of STOCK_STRATEGY=pessimistic, for comparisons. It answers `reserved`;
 * refuses with the codes of refusals.ts, or `mixed_currency`. Rejects with PostgreSQL's errors,
 * such as a timeout in a crowd; the same key may be sent again.
 */
export function pessimisticStrategy(deps: PessimisticDeps): ReservationStrategy {
  const { pool, ids } = deps
  return {
    async reserve(purchase) {
      const { buyerId, key, lines } = purchase
      const offers = await deps.offers.offers(lines.map(({ sku }) => sku))
      const missing = lines.find(({ sku }) => !offers.has(sku))
      if (missing) return unknownSku(missing.sku)
      if (new Set([...offers.values()].map(({ terms }) => terms.currency)).size > 1) {
        return refused('mixed_currency', 'All SKUs of a checkout must have the same currency.')
      }
      const checkoutId = ids.mint(partitionOf(lines[0]?.sku as string), 0, buyerId)
      try {
        // Retrying a refusal would be wrong and a conflict cannot happen: rows are locked in SKU
        // order.
        const remaining = await pool.transaction(
          (tx) => take(tx, deps, purchase, checkoutId, offers),
          0,
        )
        return { tag: 'accepted', checkoutId, status: 'reserved', remaining }
      } catch (error) {
        if (error instanceof Refused) return error.refusal
        if (!(error instanceof Repeated)) throw error
        const known = await pool.one(sql.type(Known)`
          select id, fingerprint from orders where buyer_id = ${buyerId} and idempotency_key = ${key}`)
        return { tag: 'repeated', checkoutId: known.id, fingerprint: known.fingerprint }
      }
    },
    // The worker carries open commands out by itself.
    post: async () => {},
    available: async () => null,
  }
}

async function take(
  tx: DatabaseTransactionConnection,
  deps: PessimisticDeps,
  purchase: Purchase,
  checkoutId: string,
  offers: ReadonlyMap<string, Offer>,
): Promise<number> {
  const { buyerId, key, fingerprint, lines } = purchase
  const priced = lines.map((line) => ({ ...line, offer: offers.get(line.sku) as Offer }))
  const total = priced.reduce((sum, { quantity, offer }) => sum + quantity * offer.terms.price, 0)
  const currency = priced[0]?.offer.terms.currency as string
  const begun = await tx.maybeOne(sql.typeAlias('id')`
    insert into orders (id, number, buyer_id, idempotency_key, fingerprint, state, total, currency, expires_at)
    values (${checkoutId}, nextval('order_numbers'), ${buyerId}, ${key}, ${fingerprint}, 'reserved', ${total},
      ${currency}, now() + make_interval(secs => ${deps.holdSeconds}))
    on conflict on constraint orders_buyer_key do nothing returning id`)
  if (!begun) throw new Repeated()
  const most = currencyOf(currency)?.most
  let remaining = 0
  for (const line of priced) remaining = await takeLine(tx, deps, buyerId, checkoutId, line)
  // After its lines: a fault of one of them says more.
  if (most !== undefined && total > most) throw new Refused(totalTooLarge(total, currency))
  return remaining
}

async function takeLine(
  tx: DatabaseTransactionConnection,
  { clock }: PessimisticDeps,
  buyerId: string,
  checkoutId: string,
  { sku, quantity, offer }: Line & { readonly offer: Offer },
): Promise<number> {
  const { terms, startsAtMs, endsAtMs, payable } = offer
  const row = await tx.maybeOne(sql.type(LedgerRow)`
    select free from ledger where sku = ${sku} for update`)
  if (!row) throw new Refused(unknownSku(sku))
  if (startsAtMs !== null && clock.now() < startsAtMs)
    throw new Refused(notOpen(sku, new Date(startsAtMs)))
  if (endsAtMs !== null && clock.now() >= endsAtMs) throw new Refused(ended(sku))
  if (payable !== null && quantity > payable) throw new Refused(unpayable(sku, payable))
  if (terms.pool !== null && terms.limit !== null) {
    const counted = await tx.maybeOne(sql.type(z.object({ units: z.number() }))`
      select units from buyer_units where pool = ${terms.pool} and buyer_id = ${buyerId}`)
    if ((counted?.units ?? 0) + quantity > terms.limit)
      throw new Refused(overLimit(sku, terms.limit))
    await tx.query(sql.typeAlias('none')`
      insert into buyer_units as b (pool, buyer_id, units, unit_limit)
      values (${terms.pool}, ${buyerId}, ${quantity}, ${terms.limit})
      on conflict (pool, buyer_id) do update
        set units = b.units + excluded.units, unit_limit = excluded.unit_limit`)
  }
  if (row.free < quantity) throw new Refused(soldOut(sku, row.free))
  // The cursor moves with every change, so that whoever read the row before fails at the fence.
  await tx.query(sql.typeAlias('none')`
    update ledger set free = free - ${quantity}, held = held + ${quantity}, cursor = cursor + 1
     where sku = ${sku}`)
  await tx.query(sql.typeAlias('none')`
    insert into order_lines (order_id, sku, title, seller_id, quantity, unit_price, pool, stock)
    values (${checkoutId}, ${sku}, ${terms.title}, ${terms.sellerId}, ${quantity}, ${terms.price}, ${terms.pool},
      'held')`)
  return row.free - quantity
}
