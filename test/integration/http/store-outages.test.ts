// A store that goes away while buyers ask: they are told 503 with Retry-After, nothing is sold twice or
// stranded, and when the store is back the same key finds the same checkout.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { migrate } from '../../../src/platform/postgres/migrate.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestPostgres, createTestRedis } from '../../support/stores.ts'
import { type Answer, startTestSystem } from '../../support/system.ts'

const patience = { timeoutMs: 30_000 }

function isOverloaded(answer: Answer): void {
  assert.equal(answer.status, 503, JSON.stringify(answer.body))
  assert.equal(answer.body.code, 'overloaded')
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
}

test('a Redis that is gone is 503, and afterwards the same keys work', async (t) => {
  const redisServer = await createTestRedis(t)
  const shop = await startTestSystem(t, { redisServer })
  const [one, two] = [await shop.addSku({ units: 30 }), await shop.addSku({ units: 30 })]
  const buyers = Array.from({ length: 10 }, (_, i) => ({
    buyer: newId(),
    key: newId(),
    items: [one, ...(i % 2 ? [two] : [])].map((sku) => ({ sku, quantity: 1 })),
  }))
  await shop.place(
    newId(),
    [one, two].map((sku) => ({ sku, quantity: 1 })),
    { wait: 10 },
  )
  await shop.settledAt(one, 29)
  await shop.settledAt(two, 29)

  await redisServer.kill('SIGKILL')
  for (const { buyer, key, items } of buyers) isOverloaded(await shop.place(buyer, items, { key }))
  assert.equal((await shop.call('GET', '/health/live')).status, 200)
  await redisServer.restart()
  for (const { buyer, key, items } of buyers) {
    await eventually(async () => {
      const answer = await shop.place(buyer, items, { key, wait: 10 })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
    }, patience)
    assert.equal((await shop.place(buyer, items, { key })).status, 201)
  }
  await shop.settledAt(one, 19)
  await shop.settledAt(two, 24)
})

test('requests that Redis dies under are answered, and their keys find one checkout each', async (t) => {
  const redisServer = await createTestRedis(t)
  const shop = await startTestSystem(t, { redisServer })
  const sku = await shop.addSku({ units: 200 })
  const items = [{ sku, quantity: 1 }]
  assert.equal((await shop.place(newId(), items, { wait: 10 })).status, 201)
  const buyers = Array.from({ length: 60 }, () => ({ buyer: newId(), key: newId() }))
  const asked = buyers.map(({ buyer, key }) => shop.place(buyer, items, { key }))
  await Promise.race(asked)
  await redisServer.kill('SIGKILL')
  const answers = await Promise.all(asked)
  for (const answer of answers) if (answer.status !== 202) isOverloaded(answer)
  await redisServer.restart()
  const ends = await Promise.all(
    buyers.map(({ buyer, key }) =>
      eventually(async () => {
        const answer = await shop.place(buyer, items, { key, wait: 10 })
        assert.equal(answer.status, 201, JSON.stringify(answer.body))
        return answer
      }, patience),
    ),
  )
  answers.forEach(({ status, body }, i) => {
    if (status === 202) assert.equal(ends[i]?.body.id, body.id)
  })
  assert.equal(new Set(ends.map(({ body }) => body.id)).size, buyers.length)
  await shop.settledAt(sku, 200 - 1 - buyers.length)
})

test('a PostgreSQL that is gone is 503 where it is needed, and afterwards the same keys work', async (t) => {
  const postgres = await createTestPostgres(t)
  const databaseUrl = postgres.urlOf('sluice')
  await migrate(databaseUrl, () => {})
  const shop = await startTestSystem(t, { databaseUrl })
  const [one, two, cold] = [
    await shop.addSku({ units: 30 }),
    await shop.addSku({ units: 30 }),
    await shop.addSku({ units: 30 }),
  ]
  const [buyer, key] = [newId(), newId()]
  const first = await shop.place(buyer, [{ sku: one, quantity: 1 }], { key, wait: 10 })
  assert.equal(first.status, 201)
  await shop.settledAt(one, 29)

  await postgres.kill('SIGKILL')
  const pair = {
    buyer: newId(),
    key: newId(),
    items: [one, two].map((sku) => ({ sku, quantity: 1 })),
  }
  const lonely = { buyer: newId(), key: newId(), items: [{ sku: cold, quantity: 1 }] }
  for (const { buyer, key, items } of [pair, lonely]) {
    isOverloaded(await shop.place(buyer, items, { key }))
  }
  isOverloaded(await shop.call('GET', `/api/checkouts/${first.body.id}`, { buyer }))
  isOverloaded(await shop.call('DELETE', `/api/checkouts/${first.body.id}`, { buyer }))
  isOverloaded(await shop.place(buyer, [{ sku: one, quantity: 1 }], { key }))
  // The gate needs no PostgreSQL: what it admits is committed later.
  const admitted = { buyer: newId(), key: newId(), items: [{ sku: one, quantity: 2 }] }
  const queued = await shop.place(admitted.buyer, admitted.items, { key: admitted.key })
  assert.equal(queued.status, 202)

  await postgres.restart()
  for (const { buyer, key, items } of [pair, lonely, admitted]) {
    await eventually(async () => {
      const answer = await shop.place(buyer, items, { key, wait: 10 })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      if (key === admitted.key) assert.equal(answer.body.id, queued.body.id)
    }, patience)
  }
  assert.equal(
    (await shop.place(buyer, [{ sku: one, quantity: 1 }], { key })).body.id,
    first.body.id,
  )
  await shop.settledAt(one, 26)
  await shop.settledAt(two, 29)
  await shop.settledAt(cold, 29)
})

test('a mailbox that nobody commits is overloaded at its bound, and goes on where it stood', async (t) => {
  const shop = await startTestSystem(t, { settings: { MAILBOX_UNITS: '3' } })
  const sku = await shop.addSku({ units: 100 })
  const items = [{ sku, quantity: 1 }]
  assert.equal((await shop.place(newId(), items, { wait: 10 })).status, 201)
  await shop.settledAt(sku, 99)
  await shop.stopWorkers()
  for (let i = 0; i < 3; i++) assert.equal((await shop.place(newId(), items)).status, 202)
  const [buyer, key] = [newId(), newId()]
  const before = await shop.traces(sku)
  isOverloaded(await shop.place(buyer, items, { key }))
  assert.deepEqual(await shop.traces(sku), before)
  await shop.startWorker()
  await eventually(async () => {
    assert.equal((await shop.place(buyer, items, { key, wait: 10 })).status, 201)
  }, patience)
  await shop.settledAt(sku, 95)
})

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  test(`who waits for a commit is told 503 after ${signal} of Redis`, {
    timeout: 30_000,
  }, async (t) => {
    const redisServer = await createTestRedis(t)
    const shop = await startTestSystem(t, { redisServer })
    const sku = await shop.addSku({ units: 5 })
    await redisServer.kill(signal)
    isOverloaded(await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 1 }))
    if (signal === 'SIGSTOP') await redisServer.kill('SIGCONT')
    else await redisServer.restart()
    await eventually(async () => {
      const answer = await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 1 })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
    }, patience)
  })
}
