// One Idempotency-Key, one checkout: replays one by one, all at once, over several API processes, and
// races of one key over two SKUs. The last unit has one buyer, and the holder's retry finds it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** A name in another partition than `sku`, or in the same one. */
function nameBeside(sku: string, samePartition: boolean): string {
  for (let i = 0; ; i++) {
    const name = `${sku}-BESIDE-${i}`
    if ((partitionOf(name) === partitionOf(sku)) === samePartition) return name
  }
}

test('a replay is answered with the checkout in its present state', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 5 })
  const [buyer, key, items] = [newId(), newId(), [{ sku, quantity: 2 }]]
  const first = await shop.place(buyer, items, { key, wait: 10 })
  assert.equal(first.status, 201)
  const replay = await shop.place(buyer, items, { key })
  assert.equal(replay.status, 201)
  assert.equal(replay.headers.get('idempotency-replayed'), 'true')
  assert.equal(replay.headers.get('location'), first.headers.get('location'))
  const { remaining, ...placed } = first.body
  assert.equal(remaining, 3)
  assert.deepEqual({ ...replay.body, items: placed.items }, placed)

  await t.test('of another buyer it is another checkout', async () => {
    const other = await shop.place(newId(), items, { key, wait: 10 })
    assert.equal(other.status, 201)
    assert.equal(other.headers.get('idempotency-replayed'), null)
    assert.notEqual(other.body.id, first.body.id)
  })
  await t.test('lines are compared merged and in any order', async () => {
    const halves = [
      { sku, quantity: 1 },
      { quantity: 1, sku },
    ]
    const same = await shop.place(buyer, halves, { key })
    assert.equal(same.body.id, first.body.id)
  })
  await t.test('after the cancel it is cancelled, and no new one', async () => {
    await shop.call('DELETE', `/api/checkouts/${first.body.id}`, { buyer })
    const later = await shop.place(buyer, items, { key })
    assert.equal(later.body.id, first.body.id)
    assert.equal(later.body.status, 'cancelled')
    await shop.settledAt(sku, 3)
  })
})

test('a replay of a queued checkout is 202, and 201 when it waits for the commit', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const sku = await shop.addSku()
  await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  await shop.stopWorkers()
  const [buyer, key, items] = [newId(), newId(), [{ sku, quantity: 1 }]]
  const first = await shop.place(buyer, items, { key })
  const queued = await shop.place(buyer, items, { key })
  assert.equal(queued.status, 202)
  assert.equal(queued.headers.get('idempotency-replayed'), 'true')
  assert.equal(queued.body.id, first.body.id)
  const waiting = shop.place(buyer, items, { key, wait: 20 })
  await shop.startWorker()
  const reserved = await waiting
  assert.equal(reserved.status, 201)
  assert.equal(reserved.body.id, first.body.id)
})

test('one key in 50 parallel requests over two APIs is one checkout and 50 equal answers', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const sku = await shop.addSku({ units: 200 })
  const [buyer, key] = [newId(), newId()]
  const answers = await Promise.all(
    times(50, (i) =>
      shop.place(buyer, [{ sku, quantity: 2 }], {
        key,
        wait: 20,
        ...(shop.urls[i % 2] ? { url: shop.urls[i % 2] as string } : {}),
      }),
    ),
  )
  const told = answers.map(({ status, body: { id, status: state, total, expiresAt } }) =>
    JSON.stringify({ status, id, state, total, expiresAt }),
  )
  assert.equal(new Set(told).size, 1, [...new Set(told)].join('\n'))
  assert.equal(answers[0]?.status, 201)
  const fresh = answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)
  assert.equal(fresh.length, 1)
  assert.equal(await shop.checkoutsOf(buyer), 1)
  await shop.settledAt(sku, 198)
})

async function onlyOneWins(shop: TestSystem, left: string, right: string): Promise<void> {
  const [buyer, key] = [newId(), newId()]
  const answers = await Promise.all(
    times(10, (i) =>
      shop.place(buyer, [{ sku: i % 2 === 0 ? left : right, quantity: 1 }], { key, wait: 20 }),
    ),
  )
  const reserved = answers.filter(({ status }) => status === 201)
  assert.ok(reserved.length >= 1)
  assert.equal(new Set(reserved.map(({ body }) => body.id)).size, 1)
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    assert.equal(answer.status, 422, JSON.stringify(answer.body))
    assert.equal(answer.body.code, 'idempotency_key_reused')
  }
  await eventually(async () => {
    const [a, b] = await Promise.all([shop.ledgerOf(left), shop.ledgerOf(right)])
    assert.equal(a.held + b.held, 1)
  })
  const [a, b] = await Promise.all([shop.ledgerOf(left), shop.ledgerOf(right)])
  await shop.settledAt(left, 20 - a.held)
  await shop.settledAt(right, 20 - b.held)
}

test('one key on two SKUs at once has one winner, and the loser’s unit returns', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 20 })
  const near = await shop.addSku({ units: 20, sku: nameBeside(sku, true) })
  const far = await shop.addSku({ units: 20, sku: nameBeside(sku, false) })
  await t.test('in one partition', () => onlyOneWins(shop, sku, near))
  const other = await shop.addSku({ units: 20, sku: `${sku}-2` })
  await t.test('in two partitions', () => onlyOneWins(shop, other, far))
})

test('a key that was used for another SKU is refused, wherever that SKU lives', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 20 })
  for (const samePartition of [true, false]) {
    await t.test(samePartition ? 'in the same partition' : 'in another partition', async () => {
      const other = await shop.addSku({ units: 20, sku: nameBeside(sku, samePartition) })
      const [buyer, key] = [newId(), newId()]
      const first = await shop.place(buyer, [{ sku, quantity: 1 }], { key, wait: 10 })
      assert.equal(first.status, 201)
      const second = await shop.place(buyer, [{ sku: other, quantity: 1 }], { key, wait: 10 })
      assert.equal(second.status, 422, JSON.stringify(second.body))
      assert.equal(second.body.code, 'idempotency_key_reused')
      await eventually(async () => assert.equal((await shop.ledgerOf(other)).free, 20))
    })
  }
})

test('a refused request leaves its key free', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 1 })
  const holder = await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(holder.status, 201)
  const [buyer, key, items] = [newId(), newId(), [{ sku, quantity: 1 }]]
  const refused = await shop.place(buyer, items, { key })
  assert.equal(refused.status, 409)
  assert.equal(refused.body.code, 'sold_out')
  assert.equal(await shop.checkoutsOf(buyer), 0)
  await shop.restock(sku, 1)
  await eventually(async () => {
    const again = await shop.place(buyer, items, { key, wait: 10 })
    assert.equal(again.status, 201, JSON.stringify(again.body))
  })
})

test('of 50 buyers of the last unit one gets it, and the holder’s retry is never refused', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const sku = await shop.addSku({ units: 1, limit: 1 })
  const buyers = times(50, (i) => ({ buyer: newId(), key: newId(), url: shop.urls[i % 2] ?? '' }))
  const items = [{ sku, quantity: 1 }]
  const answers = await Promise.all(
    buyers.map(({ buyer, key, url }) => shop.place(buyer, items, { key, url, wait: 20 })),
  )
  const won = answers.flatMap(({ status }, i) => (status === 201 ? [i] : []))
  assert.equal(won.length, 1)
  for (const { status, body } of answers.filter((_, i) => i !== won[0])) {
    assert.equal(status, 409)
    assert.equal(body.code, 'sold_out')
  }
  // Both APIs refuse from memory now; the holder is let through all the same.
  const holder = buyers[won[0] as number]
  for (let round = 0; round < 20; round++) {
    const [retry] = await Promise.all([
      shop.place(holder?.buyer ?? '', items, {
        key: holder?.key ?? '',
        url: shop.urls[round % 2] ?? '',
      }),
      ...times(4, () => shop.place(newId(), items)),
    ])
    assert.equal(retry.status, 201)
    assert.equal(retry.body.id, answers[won[0] as number]?.body.id)
  }
  const ledger = await shop.ledgerOf(sku)
  assert.deepEqual([ledger.free, ledger.held], [0, 1])
})
