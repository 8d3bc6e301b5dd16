// PostgreSQL goes away under load and comes back. Meanwhile the gate admits up to the bound on what may
// wait; afterwards commits resume by themselves, and nothing that was accepted is missing.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { newId } from '../../src/kernel/ids.ts'
import { skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { Crowd } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { type Shop, startShop } from '../support/processes.ts'

/** Units of a SKU that may be granted and not yet committed. */
const waitingMax = 60

async function startBoundedShop(t: TestContext): Promise<Shop> {
  return startShop(t, {
    ownPostgres: true,
    apis: 2,
    workers: 2,
    settings: { MAILBOX_UNITS: String(waitingMax) },
  })
}

test('the gate admits up to its bound while PostgreSQL is shut down, and commits resume', async (t) => {
  const shop = await startBoundedShop(t)
  const { postgres } = shop
  assert.ok(postgres)
  // Who presses again is asked back until PostgreSQL can tell; the others go on.
  const crowd = new Crowd(shop, { pressAgain: false }).start()
  await crowd.acceptedMore(100)
  await crowd.stop()
  await postgres.stop()
  await waitingBuyerIsTold(shop, crowd)
  crowd.start()
  const redis = new Redis(shop.redis.url)
  t.after(() => redis.disconnect())
  await crowd.acceptedMore(20)
  await eventually(
    async () => {
      const waiting = await Promise.all(shop.skus.map(({ sku }) => unitsWaiting(redis, sku)))
      assert.ok(
        waiting.some((units) => units >= waitingMax - 1),
        `${waiting} units wait`,
      )
      assert.ok(waiting.every((units) => units <= waitingMax))
    },
    { timeoutMs: 15_000 },
  )
  const asked = totalOf(crowd.askedBack)
  await eventually(() => assert.ok(totalOf(crowd.askedBack) > asked, 'others are asked back'))
  await postgres.restart()
  await sellOutAndJudge(shop, crowd)
})

test('a killed PostgreSQL recovers, and commits resume where its log ends', async (t) => {
  const shop = await startBoundedShop(t)
  const { postgres } = shop
  assert.ok(postgres)
  const crowd = new Crowd(shop).start()
  for (let i = 0; i < 2; i++) {
    await crowd.acceptedMore(70)
    await postgres.kill('SIGKILL')
    await postgres.restart()
  }
  await sellOutAndJudge(shop, crowd)
})

/** Who wants to know the outcome is admitted like everybody, and told as much as is known. */
async function waitingBuyerIsTold(shop: Shop, crowd: Crowd): Promise<void> {
  const buyerId = newId()
  const key = 'purchase-of-one-who-waits'
  const answer = await fetch(`${shop.apis[0]?.url}/api/checkouts`, {
    method: 'POST',
    headers: {
      authorization: shop.bearer(buyerId),
      'content-type': 'application/json',
      'idempotency-key': key,
      prefer: 'wait=1',
    },
    body: JSON.stringify({ items: [{ sku: 'DROP-1', quantity: 1 }] }),
    signal: AbortSignal.timeout(10_000),
  })
  const { id = '', status } = (await answer.json()) as { id?: string; status?: unknown }
  assert.deepEqual([answer.status, status], [202, 'queued'])
  const purchase = { buyerId, key, sku: 'DROP-1', units: 1, refused: false }
  crowd.purchases.push({ ...purchase, checkouts: [id], reserved: new Set() })
}

async function unitsWaiting(redis: Redis, sku: string): Promise<number> {
  const { gate } = skuKeys(partitionOf(sku), sku)
  const [granted, settled] = await redis.hmget(gate, 'granted', 'settled_granted')
  return Number(granted) - Number(settled)
}

function totalOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
