// Redis dies and comes back with its append-only file, which was flushed before every answer: nothing
// that was accepted may be lost. While it is away, the API says so and when to come back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../src/kernel/ids.ts'
import { Crowd } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { startShop } from '../support/processes.ts'

test('Redis killed under load and started on its append-only file has lost nothing', async (t) => {
  const shop = await startShop(t, { apis: 2, workers: 2 })
  const crowd = new Crowd(shop).start()
  for (let i = 0; i < 2; i++) {
    await crowd.acceptedMore(80)
    await shop.redis.kill('SIGKILL')
    await shop.redis.restart()
  }
  await sellOutAndJudge(shop, crowd)
})

test('while Redis is away the API answers 503 with Retry-After, and recovers by itself', async (t) => {
  const shop = await startShop(t)
  const [api] = shop.apis
  assert.ok(api)
  const crowd = new Crowd(shop, { atOnce: 4 }).start()
  await crowd.acceptedMore(50)
  const bought = await eventually(
    () => crowd.purchases.find(({ reserved }) => reserved.size > 0) ?? false,
  )
  assert.ok(bought)
  await shop.redis.kill('SIGKILL')
  await eventually(() => assert.ok((crowd.askedBack.get(api.url) ?? 0) >= 20))

  const buyerId = newId()
  const refused = await fetch(`${api.url}/api/checkouts`, {
    method: 'POST',
    headers: {
      authorization: shop.bearer(buyerId),
      'content-type': 'application/json',
      'idempotency-key': 'while-redis-is-away',
    },
    body: JSON.stringify({ items: [{ sku: 'DROP-1', quantity: 1 }] }),
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(refused.status, 503)
  assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.ok(Number(refused.headers.get('retry-after')) >= 1)
  assert.equal(((await refused.json()) as { code: string }).code, 'overloaded')
  const [id] = bought.reserved
  const looked = await fetch(`${api.url}/api/checkouts/${id}`, {
    headers: { authorization: shop.bearer(bought.buyerId) },
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(looked.status, 200, 'what is in PostgreSQL can be seen')
  assert.equal(((await looked.json()) as { status: string }).status, 'reserved')
  assert.equal((await fetch(`${api.url}/health`)).status, 503)

  await shop.redis.restart()
  await eventually(async () => assert.equal((await fetch(`${api.url}/health`)).status, 200))
  await sellOutAndJudge(shop, crowd)
})
