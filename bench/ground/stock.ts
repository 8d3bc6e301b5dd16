/** SKUs of the bench: made fresh for each scenario, and counted after it. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { wantGate } from '../../src/stock/gate/scripts.ts'
import { channels, partitionKeys, skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { unitsTaken } from './orders.ts'

export interface StockFigures {
  readonly initial: number
  readonly free: number
  readonly held: number
  readonly sold: number
  /** Units held or sold beyond what there was. */
  readonly oversold: number
  /** Units that are free in the ledger and that the gate would not grant. */
  readonly undersold: number
}

export const noStock: StockFigures = {
  initial: 0,
  free: 0,
  held: 0,
  sold: 0,
  oversold: 0,
  undersold: 0,
}

export interface Stores {
  readonly pool: DatabasePool
  readonly redis: RedisClient
}

const gateMs = 20_000

/** Inserts a product with one SKU of `units` units at 25.00 EUR, without a sale and so without a limit. */
export async function createSku(
  pool: DatabasePool,
  sellerId: string,
  sku: string,
  units: number,
): Promise<void> {
  const productId = newId()
  await pool.transaction(async (tx) => {
    await tx.query(sql.typeAlias('none')`
      insert into products (id, seller_id, slug, title, category)
      values (${productId}, ${sellerId}, ${sku.toLowerCase()}, ${`Benchmark item ${sku}`}, 'benchmark')`)
    await tx.query(sql.typeAlias('none')`
      insert into variants (sku, product_id, price, currency) values (${sku}, ${productId}, 2500, 'EUR')`)
    await tx.query(sql.typeAlias('none')`
      insert into ledger (sku, partition, on_hand, free)
      values (${sku}, ${partitionOf(sku)}, ${units}, ${units})`)
  })
}

/**
 * Asks for the SKU's gate and waits until it admits, so that no scenario measures a first-time set-up.
 * @throws Error after 20 seconds.
 */
export async function openGate(
  redis: RedisClient,
  sku: string,
  signal: AbortSignal,
): Promise<void> {
  const partition = partitionOf(sku)
  const { gate } = skuKeys(partition, sku)
  const deadline = systemClock.monotonic() + gateMs
  let asked = Number.NEGATIVE_INFINITY
  while (systemClock.monotonic() < deadline) {
    signal.throwIfAborted()
    const [open, generation] = await redis.hmget(
      partitionKeys(partition).partition,
      'open',
      'generation',
    )
    if (open === '1' && (await redis.hget(gate, 'generation')) === generation) return
    if (systemClock.monotonic() - asked > 500) {
      asked = systemClock.monotonic()
      await wantGate(redis, partitionKeys(partition), { sku, wake: channels.wake(partition) })
    }
    await systemClock.sleep(20, signal)
  }
  throw new Error(`no gate for ${sku} after ${gateMs / 1000} s: does the worker run?`)
}

const ledgerRow = z.object({
  on_hand: z.number(),
  free: z.number(),
  held: z.number(),
  sold: z.number(),
  granted: z.number(),
})

/**
 * The ledger's figures and their two checks. `oversold` is counted from the orders themselves, not from
 * the row that a constraint guards. Without a gate in Redis nothing can be stranded there.
 */
export async function stockFigures(stores: Stores, sku: string): Promise<StockFigures> {
  const row = await stores.pool.one(sql.type(ledgerRow)`
    select on_hand, free, held, sold, granted from ledger where sku = ${sku}`)
  const taken = await unitsTaken(stores.pool, sku)
  const { gate } = skuKeys(partitionOf(sku), sku)
  const [units, granted] = await stores.redis.hmget(gate, 'units', 'granted')
  const undersold =
    units == null || granted == null
      ? 0
      : row.free - (Number(granted) - row.granted) - Number(units)
  return {
    initial: row.on_hand,
    free: row.free,
    held: row.held,
    sold: row.sold,
    oversold: Math.max(0, taken - row.on_hand, row.held + row.sold - row.on_hand),
    undersold,
  }
}

/**
 * Waits until everything that was accepted is committed: `units` of the SKU are held or sold and the
 * ledger has caught up with the gate. Returns false at the deadline.
 */
export async function waitUntilCommitted(
  stores: Stores,
  sku: string,
  options: {
    readonly units: number
    readonly withinMs: number
    readonly signal: AbortSignal
    readonly onProgress?: (committedUnits: number) => void
  },
): Promise<boolean> {
  const progressRow = z.object({ taken: z.number(), granted: z.number() })
  const { gate } = skuKeys(partitionOf(sku), sku)
  const deadline = systemClock.monotonic() + options.withinMs
  for (;;) {
    options.signal.throwIfAborted()
    const { taken, granted } = await stores.pool.one(sql.type(progressRow)`
      select held + sold as taken, granted from ledger where sku = ${sku}`)
    options.onProgress?.(taken)
    const atGate = await stores.redis.hget(gate, 'granted')
    if (taken >= options.units && (atGate === null || Number(atGate) === granted)) return true
    if (systemClock.monotonic() >= deadline) return false
    await systemClock.sleep(50, options.signal)
  }
}
