/** The yardstick: one order after another, each in a transaction that locks the SKU's row. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { ReservationStrategy } from '../../src/checkout/strategy.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { fingerprintOf } from '../../src/stock/request-record.ts'
import type { Access, BenchContext } from '../bench-context.ts'
import { perSecond } from '../results.ts'
import { createSku } from '../stock.ts'

const connections = 32
const secondsMax = 5
const warmUpOrders = 64

/**
 * Orders per second of `strategy` at 32 callers, who each order one unit again and again for at most five
 * seconds. @throws Error when an order is not reserved.
 */
export async function measureOneByOne(
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

/** The yardstick over the pessimistic strategy on a pool of its own, one connection for each caller. */
export async function measureForUpdate(context: BenchContext, access: Access): Promise<number> {
  return measureOneByOne(context, access, {
    reserve: () => Promise.reject(new Error('the pessimistic strategy is not wired yet')),
  })
}
