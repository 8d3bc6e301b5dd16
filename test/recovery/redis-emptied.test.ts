// Redis is emptied in the middle of a sale. The gates are built anew from PostgreSQL; what was only
// queued may be lost and is said to be, and nothing is sold twice.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Redis } from 'ioredis'
import { newId } from '../../src/kernel/ids.ts'
import { Crowd, type Purchase } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { type Shop, startShop } from '../support/processes.ts'

async function emptied(shop: Shop): Promise<void> {
  const redis = new Redis(shop.redis.url)
  redis.on('error', () => {})
  try {
    await redis.flushall()
  } finally {
    redis.disconnect()
  }
}

test('an emptied Redis oversells nothing and strands nothing', async (t) => {
  const shop = await startShop(t, { workers: 2 })
  const crowd = new Crowd(shop).start()
  for (let i = 0; i < 3; i++) {
    await crowd.acceptedMore(70)
    await emptied(shop)
  }
  await sellOutAndJudge(shop, crowd, { mayLose: true })
})

test('what only an emptied Redis knew is called lost, and its key buys again', async (t) => {
  const shop = await startShop(t, { stock: [50] })
  const [worker] = shop.workers
  assert.ok(worker)
  const crowd = new Crowd(shop)
  const purchase = purchaseOf('purchase-1')
  // The first one builds the gate; then nobody commits.
  const opening = purchaseOf('purchase-2')
  await crowd.buy(opening)
  await worker.kill()
  await crowd.buy(purchase)
  await emptied(shop)
  await shop.startWorker(worker)
  crowd.purchases.push(opening, purchase)
  const [lostId] = purchase.checkouts
  await eventually(async () => {
    const looked = await fetch(`${shop.apis[0]?.url}/api/checkouts/${lostId}`, {
      headers: { authorization: shop.bearer(purchase.buyerId) },
    })
    assert.equal(((await looked.json()) as { status: string }).status, 'lost')
  })
  await crowd.buy(purchase)
  assert.equal(purchase.checkouts.length, 2)
  crowd.start()
  await sellOutAndJudge(shop, crowd, { mayLose: true })
})

test('holds still expire after Redis was emptied: the schedule comes back', async (t) => {
  const shop = await startShop(t, {
    stock: [20],
    settings: { HOLD_SECONDS: '2', SWEEP_SECONDS: '1' },
  })
  const crowd = new Crowd(shop, { atOnce: 2 }).start()
  await crowd.acceptedMore(10)
  await crowd.stop()
  await emptied(shop)
  await eventually(
    async () => {
      const [row] = await shop.rows('select free, held from ledger')
      assert.deepEqual(row, { free: 20, held: 0 })
    },
    { timeoutMs: 25_000, everyMs: 100 },
  )
})

function purchaseOf(key: string): Purchase {
  return {
    buyerId: newId(),
    key,
    sku: 'DROP-1',
    units: 1,
    checkouts: [],
    reserved: new Set(),
    refused: false,
  }
}
