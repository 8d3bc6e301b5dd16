/**
 * The verdict on a sale that is over. Compares what the buyers were told with what the stores say, and
 * knows nothing of how either came about.
 */
import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import type { DatabasePool } from 'slonik'
import { systemClock } from '../../src/kernel/clock.ts'
import { checkGuarantees } from '../../src/ops/guarantees.ts'
import { openPool } from '../../src/platform/postgres/pool.ts'
import { openRedis } from '../../src/platform/redis/client.ts'
import { partitionKeys, skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import type { Crowd, Purchase } from './crowd.ts'
import { eventually } from './eventually.ts'
import type { Shop } from './processes.ts'
import { disagreements, notReserved, reservedCheckouts } from './purchases/agree.ts'

export interface JudgeOptions {
  /** Whether Redis lost data in this case: then a checkout that was only queued may be lost. */
  readonly mayLose?: boolean
}

export interface Verdict {
  /** Checkouts that were accepted, not committed, and went with Redis. */
  readonly lost: number
}

/** Sells out to the last unit, waits until all is final, and judges. Throws on the first broken guarantee. */
export async function sellOutAndJudge(
  shop: Shop,
  crowd: Crowd,
  { mayLose = false }: JudgeOptions = {},
): Promise<Verdict> {
  await crowd.sellOut()
  const lost = await everythingEnds(shop, crowd)
  assert.deepEqual(crowd.surprises, [])
  if (!mayLose) assert.deepEqual(lost, [], 'nothing may be lost')
  for (const part of [...shop.apis, ...shop.workers]) part.check()
  const pool = await openPool(shop.databaseUrl, {
    max: 2,
    statementTimeoutMs: 10_000,
    onError: () => {},
  })
  try {
    await recordsAgree(pool, crowd)
    await unitsAgree(shop, pool)
    await gatesAgree(shop)
    await promisesKept(shop, pool)
  } finally {
    await pool.end()
  }
  return { lost: lost.length }
}

/** The service's own judgement of itself. */
async function promisesKept(shop: Shop, pool: DatabasePool): Promise<void> {
  const redis = openRedis(shop.redis.url, 'patient', () => {})
  try {
    const { promises } = await checkGuarantees({
      clock: systemClock,
      pool,
      redis,
      config: { STOCK_STRATEGY: 'actor', SWEEP_SECONDS: 60 },
    })
    assert.deepEqual(
      promises.filter(({ kept }) => !kept),
      [],
    )
  } finally {
    redis.disconnect()
  }
}

/** Asks for every accepted checkout until it is final. Whose checkout was lost, buys again; returns those. */
async function everythingEnds(shop: Shop, crowd: Crowd): Promise<string[]> {
  const lost: string[] = []
  const waiting = crowd.purchases.filter(({ checkouts }) => checkouts.length > 0)
  const end = async (purchase: Purchase, n: number): Promise<void> => {
    const [last, ...others] = [...purchase.checkouts].reverse() as [string, ...string[]]
    for (const id of others) assert.equal(await finalStatus(shop, purchase, id), 'lost')
    if ((await finalStatus(shop, purchase, last)) === 'lost') {
      assert.ok(!purchase.reserved.has(last), `${last} was reserved and is lost`)
      lost.push(last)
      await crowd.buy(purchase, n)
      if (purchase.checkouts.at(-1) !== last)
        await finalStatus(shop, purchase, purchase.checkouts.at(-1) ?? '')
    }
  }
  for (let i = 0; i < waiting.length; i += 16) {
    await Promise.all(waiting.slice(i, i + 16).map((purchase, n) => end(purchase, n)))
  }
  return lost
}

async function finalStatus(shop: Shop, purchase: Purchase, id: string): Promise<string> {
  const status = await eventually(
    async () => {
      const response = await fetch(
        `${shop.apis.find((api) => api.running)?.url}/api/checkouts/${id}`,
        {
          headers: { authorization: shop.bearer(purchase.buyerId) },
          signal: AbortSignal.timeout(5_000),
        },
      )
      const body = (await response.json()) as { id: string; status: string }
      assert.equal(response.status, 200, `GET ${id}: ${JSON.stringify(body)}`)
      assert.equal(body.id, id)
      assert.notEqual(body.status, 'queued', `${id} stays queued`)
      return body.status
    },
    { timeoutMs: 20_000, everyMs: 50 },
  )
  assert.ok(status === 'reserved' || status === 'lost', `${id} ended as ${status}`)
  return status
}

/** Each key has exactly the checkout that its buyer was told of; who was refused has none. */
async function recordsAgree(pool: DatabasePool, crowd: Crowd): Promise<void> {
  const stored = [...(await reservedCheckouts(pool))]
  const told = crowd.purchases
    .filter(({ refused, checkouts }) => !refused && checkouts.length > 0)
    .map(({ key, checkouts, buyerId, units }) => ({
      key,
      id: checkouts.at(-1) ?? '',
      buyerId,
      units,
    }))
  const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1)
  assert.deepEqual(stored.sort(byKey), told.sort(byKey))
  assert.deepEqual(await notReserved(pool), [], 'no checkout ended in any other way')
}

async function unitsAgree(shop: Shop, pool: DatabasePool): Promise<void> {
  const ledger = await shop.rows<{ sku: string; on_hand: number; free: number; held: number }>(
    'select sku, on_hand, free, held from ledger order by sku',
  )
  assert.deepEqual(
    ledger,
    shop.skus.map(({ sku, units }) => ({ sku, on_hand: units, free: 0, held: units })),
    'exactly the stock is sold',
  )
  const differing = await disagreements(pool, { limit: 2, price: 3_900 })
  assert.deepEqual(differing, [], 'holds, limits and orders agree with the ledger')
}

/** The gate stands where the ledger says, and nothing waits in any mailbox. */
async function gatesAgree(shop: Shop): Promise<void> {
  const redis = new Redis(shop.redis.url, { maxRetriesPerRequest: 3 })
  redis.on('error', () => {})
  try {
    for (const { sku } of shop.skus) {
      const partition = partitionOf(sku)
      const keys = { ...partitionKeys(partition), ...skuKeys(partition, sku) }
      await eventually(async () => {
        const [row] = await shop.rows<{ free: number; granted: string; generation: string }>(
          'select free, granted, generation from ledger where sku = $1',
          [sku],
        )
        const [generation, units, granted] = await redis.hmget(
          keys.gate,
          'generation',
          'units',
          'granted',
        )
        assert.ok(row)
        assert.equal(generation, row.generation, `${sku}: the gate is of another generation`)
        assert.equal(Number(units), row.free - (Number(granted) - Number(row.granted)))
        assert.equal(await redis.xlen(keys.mailbox), 0, `${sku}: its mailbox is not empty`)
        assert.equal(await redis.sismember(keys.ready, sku), 0, `${sku}: it is in the ready set`)
      })
    }
  } finally {
    redis.disconnect()
  }
}
