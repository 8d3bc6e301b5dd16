/** The yardstick: one order after another, each in a transaction that locks the SKU's row. */
import { randomBytes, randomUUID } from 'node:crypto'
import { pessimisticStrategy } from '../../src/flows/reserve/strategies/pessimistic.ts'
import type { ReservationStrategy } from '../../src/flows/reserve/strategy.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { openPool } from '../../src/platform/postgres/pool.ts'
import { checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import type { Offer } from '../../src/stock/protocol/offers.ts'
import { fingerprintOf } from '../../src/stock/protocol/request-record.ts'
import type { Access, BenchContext } from '../ground/context.ts'
import { perSecond } from '../ground/results.ts'
import { createSku } from '../ground/stock.ts'

const connections = 32
const secondsMax = 5
const warmUpOrders = 64

/**
 * Orders per second of `strategy` at 32 callers, who each order one unit again and again for at most five
 * seconds. @throws Error when an order is not reserved.
 */
async function measureOneByOne(
  context: BenchContext,
  access: Access,
  strategy: Pick<ReservationStrategy, 'reserve'>,
): Promise<number> {
  const sku = `BENCH-ROW-${randomBytes(3).toString('hex')}`.toUpperCase()
  const durationMs = Math.min(secondsMax, context.options.durationSeconds) * 1000
  await createSku(access.pool, access.sellerId, sku, 1_000_000)
  const lines = [{ sku, quantity: 1 }]
  const fingerprint = fingerprintOf(lines)
  let ordered = 0
  const order = async () => {
    const buyerId = context.buyers.ids[ordered % context.buyers.ids.length] as string
    ordered += 1
    const outcome = await strategy.reserve({ buyerId, lines, key: randomUUID(), fingerprint })
    if (outcome.tag !== 'accepted') throw new Error(`FOR UPDATE: an order was ${outcome.tag}`)
  }
  await inParallel(async () => {
    while (ordered < warmUpOrders) await order()
  })
  const before = ordered
  const start = systemClock.monotonic()
  await inParallel(async () => {
    while (systemClock.monotonic() - start < durationMs) {
      context.signal.throwIfAborted()
      await order()
      context.progress.update(`FOR UPDATE one by one: ${ordered - before} orders`)
    }
  })
  return perSecond(ordered - before, (systemClock.monotonic() - start) / 1000)
}

async function inParallel(caller: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: connections }, caller))
}

/**
 * The yardstick over the pessimistic strategy: a pool with one connection for each caller, and the offer
 * in memory, so that nothing but the orders themselves is timed.
 */
export async function measureForUpdate(context: BenchContext, access: Access): Promise<number> {
  const pool = await openPool(access.databaseUrl, {
    max: connections,
    statementTimeoutMs: 20_000,
    onError: () => {},
  })
  const offer = (sku: string): Offer => ({
    sku,
    terms: {
      price: 2500,
      currency: 'EUR',
      title: `Benchmark item ${sku}`,
      sellerId: access.sellerId,
      pool: null,
      limit: null,
    },
    startsAtMs: null,
    endsAtMs: null,
    payable: null,
  })
  try {
    const strategy = pessimisticStrategy({
      pool,
      ids: checkoutIds(context.settings.JWT_SECRET ?? '', systemClock.now, systemRandom),
      offers: { offers: async (skus) => new Map(skus.map((sku) => [sku, offer(sku)])) },
      clock: systemClock,
      holdSeconds: 900,
    })
    return await measureOneByOne(context, access, strategy)
  } finally {
    await pool.end()
  }
}
