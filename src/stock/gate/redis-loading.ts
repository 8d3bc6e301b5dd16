/**
 * Gathers in Redis what a rebuilt gate has to know of its buyers, in keys of the generation's own:
 * an owner that is overtaken in the middle touches nothing that a live gate reads. RedisGates calls
 * these.
 */
import type { RedisClient } from '../../platform/redis/client.ts'
import type { BuyerCount, Loading, RecentRequest } from '../ports.ts'
import { holderBits, holderPositions } from '../protocol/holders.ts'
import { loadingKeys, loadingRequestsKey, loadingSeconds } from '../protocol/keys.ts'
import { partitionOf } from '../protocol/partition.ts'
import { requestField, requestRecord } from '../protocol/request-record.ts'

/**
 * For RedisGates: drops what an earlier try has left; an owner that builds gates begins with it.
 * Rejects when Redis is away.
 */
export async function beginLoading(
  redis: RedisClient,
  { partition, generation, states }: Loading,
): Promise<void> {
  const keys = states.flatMap(({ sku }) => Object.values(loadingKeys(partition, sku, generation)))
  await redis.del(loadingRequestsKey(partition, generation), ...keys)
}

/**
 * For RedisGates: adds buyers' counts, in units, of a SKU. Rejects when Redis is away: the owner
 * begins anew.
 */
export async function loadBuyers(
  redis: RedisClient,
  sku: string,
  generation: number,
  counts: readonly BuyerCount[],
): Promise<void> {
  if (counts.length === 0) return
  const { loadedBuyers } = loadingKeys(partitionOf(sku), sku, generation)
  await redis.hset(loadedBuyers, ...counts.flatMap(({ buyerId, units }) => [buyerId, units]))
  await redis.expire(loadedBuyers, loadingSeconds)
}

/**
 * For RedisGates: adds requests by their keys, and their buyers to the holders, in one round trip.
 * Those of a SKU that is not being loaded are passed over. Rejects with the first command that
 * fails.
 */
export async function loadRequests(
  redis: RedisClient,
  { partition, generation, states }: Loading,
  requests: readonly RecentRequest[],
): Promise<void> {
  const loadedRequests = loadingRequestsKey(partition, generation)
  const holders = new Map(
    states.map(({ sku, onHand }) => [
      sku,
      { key: loadingKeys(partition, sku, generation).loadedHolders, bits: holderBits(onHand) },
    ]),
  )
  const pipeline = redis.pipeline()
  for (const { checkoutId, buyerId, key, fingerprint, sku } of requests) {
    const holder = sku === null ? undefined : holders.get(sku)
    if (!holder) continue
    for (const at of holderPositions(buyerId, holder.bits)) pipeline.setbit(holder.key, at, 1)
    if (key === null) continue
    const record = requestRecord(checkoutId, fingerprint)
    pipeline.hset(loadedRequests, requestField(buyerId, key), record)
  }
  for (const { key } of holders.values()) pipeline.expire(key, loadingSeconds)
  pipeline.expire(loadedRequests, loadingSeconds)
  const replies = (await pipeline.exec()) ?? []
  const failed = replies.find(([error]) => error)
  if (failed?.[0]) throw failed[0]
}
