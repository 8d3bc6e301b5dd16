/** SKUs whose gate is open before anybody buys, and sales whose window moves, in a {@link TestSystem}. */
import { offerSource } from '../../src/flows/reserve/offer-source.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { RedisGates } from '../../src/stock/gate/redis-gates.ts'
import { refreshTerms } from '../../src/stock/gate/refresh-terms.ts'
import { wantGate } from '../../src/stock/gate/scripts.ts'
import { channels, partitionKeys, skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { eventually } from './eventually.ts'
import type { SkuOptions, TestSystem } from './system.ts'

/** A SKU whose gate is open: to build it, a worker that has just begun may need longer than a buyer waits. */
export async function openSku(shop: TestSystem, options: SkuOptions): Promise<string> {
  const { redis } = shop
  const sku = await shop.addSku(options)
  const partition = partitionOf(sku)
  const keys = partitionKeys(partition)
  await eventually(
    async () => {
      await wantGate(redis, keys, { sku, wake: channels.wake(partition) })
      const open = await redis.hget(keys.partition, 'open')
      return open === '1' && (await redis.exists(skuKeys(partition, sku).gate)) === 1
    },
    { timeoutMs: 30_000 },
  )
  return sku
}

/** Moves the window of the SKU's sale; what is not given stays. Its gate knows when this resolves. */
export async function moveSale(
  { pool, redis }: TestSystem,
  sku: string,
  { startsAt, endsAt }: Pick<SkuOptions, 'startsAt' | 'endsAt'>,
): Promise<void> {
  const time = (date: Date | undefined) => (date ? sql.timestamp(date) : sql.fragment`null`)
  await pool.query(sql.typeAlias('none')`
    update sales set starts_at = coalesce(${time(startsAt)}, starts_at),
      ends_at = coalesce(${time(endsAt)}, ends_at) where sku = ${sku}`)
  await refreshTerms(new RedisGates(redis, systemClock.now), offerSource(pool), sku)
}
