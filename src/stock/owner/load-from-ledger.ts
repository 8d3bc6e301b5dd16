/**
 * Gathers from PostgreSQL what a rebuilt gate has to know of its buyers, in keys of the generation's own:
 * an owner that is overtaken in the middle touches nothing that a live gate reads.
 */
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import type { SkuState } from '../decide/state.ts'
import { firstIdAt, partitionDigits } from '../protocol/checkout-id.ts'
import { holderBits, holderPositions } from '../protocol/holders.ts'
import { loadingKeys, loadingRequestsKey, loadingSeconds } from '../protocol/keys.ts'
import { requestField, requestRecord } from '../protocol/request-record.ts'

export interface Loading {
  readonly redis: RedisClient
  readonly connection: PipelinedConnection
  readonly partition: number
  readonly generation: number
}

const buyersPerRead = 500
const checkoutsPerRead = 2_000
const dayMs = 86_400_000

/** Buyers' counts of a pool, 500 at a time. */
export async function loadBuyers(
  { redis, connection, partition, generation }: Loading,
  sku: string,
  pool: string | null,
): Promise<void> {
  const { loadedBuyers } = loadingKeys(partition, sku, generation)
  await redis.del(loadedBuyers)
  if (pool === null) return
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const rows = await connection.query({
      name: 'buyers-of-pool',
      text: `select buyer_id, units from buyer_units where pool = $1 and buyer_id > $2 and units > 0
        order by buyer_id limit ${buyersPerRead}`,
      values: [pool, after],
    })
    if (rows.length === 0) return
    const counts = rows.flatMap((row) => [row.buyer_id as string, row.units as number])
    await redis.hset(loadedBuyers, ...counts)
    await redis.expire(loadedBuyers, loadingSeconds)
    after = rows.at(-1)?.buyer_id as string
  }
}

/**
 * Idempotency records and holders of the last day, 2,000 checkouts at a time. The key's place in
 * PostgreSQL decides; this is its cache.
 */
export async function loadRequests(
  { redis, connection, partition, generation, now }: Loading & { readonly now: () => number },
  states: readonly SkuState[],
): Promise<void> {
  const requests = loadingRequestsKey(partition, generation)
  const holders = new Map(
    states.map(({ sku, onHand }) => [
      sku,
      { key: loadingKeys(partition, sku, generation).loadedHolders, bits: holderBits(onHand) },
    ]),
  )
  await redis.del(requests, ...[...holders.values()].map(({ key }) => key))
  if (states.length === 0) return
  let after = firstIdAt(now() - dayMs)
  for (;;) {
    const rows = (await connection.query({
      name: 'recent-requests',
      // The id of a checkout carries its partition; see checkout-id.ts.
      text: `select o.id, o.buyer_id, o.idempotency_key, o.fingerprint, l.sku
          from (select * from orders where id > $1 and substr(id::text, 16, 3) = $2
                 order by id limit ${checkoutsPerRead}) o
          left join order_lines l on l.order_id = o.id and l.stock <> 'asked'
         order by o.id`,
      values: [after, partitionDigits(partition)],
    })) as Record<'id' | 'buyer_id' | 'idempotency_key' | 'fingerprint' | 'sku', string>[]
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    const pipeline = redis.pipeline()
    for (const { id, buyer_id, idempotency_key, fingerprint, sku } of rows) {
      const holder = holders.get(sku)
      if (!holder) continue
      for (const at of holderPositions(buyer_id, holder.bits)) pipeline.setbit(holder.key, at, 1)
      if (idempotency_key === null) continue
      pipeline.hset(
        requests,
        requestField(buyer_id, idempotency_key),
        requestRecord(id, fingerprint),
      )
    }
    for (const { key } of holders.values()) pipeline.expire(key, loadingSeconds)
    pipeline.expire(requests, loadingSeconds)
    const replies = (await pipeline.exec()) ?? []
    const failed = replies.find(([error]) => error)
    if (failed?.[0]) throw failed[0]
  }
}
