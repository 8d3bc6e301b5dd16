// A checkout over several SKUs takes all of its units or none, whichever gate refuses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem } from '../../support/system.ts'

test('several SKUs become one reserved checkout with one order', async (t) => {
  const shop = await startTestSystem(t)
  const skus = await Promise.all([100, 250, 375].map((price) => shop.addSku({ price, units: 4 })))
  const [buyer, key] = [newId(), newId()]
  // Each SKU on two lines: they are merged before any gate is asked.
  const items = [...skus, ...skus].map((sku) => ({ sku, quantity: 1 }))
  const placed = await shop.place(buyer, items, { key, wait: 15 })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
  assert.equal(placed.body.total, 2 * (100 + 250 + 375))
  assert.equal(placed.body.items.length, 3)
  const seen = await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
  assert.equal(seen.body.orderId, placed.body.id)
  assert.deepEqual(
    seen.body.items.map(({ sku, quantity }) => [sku, quantity]),
    [...skus].sort().map((sku) => [sku, 2]),
  )
  const replay = await shop.place(buyer, items.toReversed(), { key })
  assert.equal(replay.status, 201)
  assert.equal(replay.body.id, placed.body.id)
  const other = await shop.place(buyer, items.slice(1), { key })
  assert.equal(other.status, 422)

  await shop.call('DELETE', `/api/checkouts/${placed.body.id}`, { buyer })
  await Promise.all(skus.map((sku) => shop.settledAt(sku, 4)))
})

test('a refusal of the last SKU is named, and what the others had given returns', async (t) => {
  const shop = await startTestSystem(t)
  const [first, second] = await Promise.all([
    shop.addSku({ sku: 'A-FIRST', units: 5, limit: 2 }),
    shop.addSku({ sku: 'B-SECOND', units: 5 }),
  ])
  const past = new Date(systemClock.now() - 1_000)
  const future = new Date(systemClock.now() + 3_600_000)
  const cases = {
    sold_out: await shop.addSku({ sku: 'Z-SOLD-OUT', units: 0 }),
    purchase_limit: await shop.addSku({ sku: 'Z-LIMIT', units: 5, limit: 1 }),
    sale_not_open: await shop.addSku({
      sku: 'Z-EARLY',
      startsAt: future,
      endsAt: new Date(future.getTime() + 1_000),
    }),
    sale_ended: await shop.addSku({ sku: 'Z-LATE', startsAt: new Date(0), endsAt: past }),
  }
  const buyer = newId()
  for (const [code, last] of Object.entries(cases)) {
    await t.test(code, async () => {
      const key = newId()
      const items = [first, second, last].map((sku) => ({ sku, quantity: 2 }))
      const refused = await shop.place(buyer, items, { key, wait: 10 })
      assert.equal(refused.status, 409, JSON.stringify(refused.body))
      assert.equal(refused.body.code, code)
      assert.equal(refused.body.sku, last)
      await shop.settledAt(first, 5)
      await shop.settledAt(second, 5)
      assert.equal((await shop.ledgerOf(last)).held, 0)
      // The limit of the first came back with its units, and the key is free again.
      const without = await shop.place(buyer, items.slice(0, 2), { key, wait: 10 })
      assert.equal(without.status, 201, JSON.stringify(without.body))
      await shop.call('DELETE', `/api/checkouts/${without.body.id}`, { buyer })
      await shop.settledAt(first, 5)
      await shop.settledAt(second, 5)
    })
  }
})

test('SKUs of two currencies are refused and leave no trace', async (t) => {
  const shop = await startTestSystem(t)
  const [euro, dollar] = [await shop.addSku(), await shop.addSku({ currency: 'USD' })]
  for (const sku of [euro, dollar]) await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  await shop.settledAt(euro, 9)
  await shop.settledAt(dollar, 9)
  const before = [await shop.traces(euro), await shop.traces(dollar)]
  const refused = await shop.place(newId(), [
    { sku: euro, quantity: 1 },
    { sku: dollar, quantity: 1 },
  ])
  assert.equal(refused.status, 409)
  assert.equal(refused.body.code, 'mixed_currency')
  assert.deepEqual([await shop.traces(euro), await shop.traces(dollar)], before)
})

test('crossed baskets over scarce SKUs sell no unit twice and strand none', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const skus = await Promise.all([3, 3, 3].map((units) => shop.addSku({ units })))
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      shop.place(
        newId(),
        [skus[i % 3], skus[(i + 1) % 3]].map((sku) => ({ sku, quantity: 1 })),
        { wait: 20, url: shop.urls[i % 2] ?? '' },
      ),
    ),
  )
  const won = answers.filter(({ status }) => status === 201)
  assert.ok(won.length >= 1, JSON.stringify(answers.map(({ body }) => body)))
  for (const { status, body } of answers.filter(({ status: code }) => code !== 201)) {
    assert.equal(status, 409, JSON.stringify(body))
    assert.equal(body.code, 'sold_out')
  }
  const takenOf = (sku: string) =>
    won.filter(({ body }) => body.items.some((item) => item.sku === sku)).length
  for (const sku of skus) await shop.settledAt(sku, 3 - takenOf(sku))
})

test('a checkout over several SKUs that is given back while it is queued returns all of them', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const skus = await Promise.all([5, 5].map((units) => shop.addSku({ units })))
  for (const sku of skus) await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  await shop.stopWorkers()
  const buyer = newId()
  const placed = await shop.place(
    buyer,
    skus.map((sku) => ({ sku, quantity: 2 })),
  )
  assert.equal(placed.status, 202, JSON.stringify(placed.body))
  const path = `/api/checkouts/${placed.body.id}`
  assert.equal((await shop.call('DELETE', path, { buyer })).status, 204)
  assert.equal((await shop.call('DELETE', path, { buyer })).status, 204)
  await shop.startWorker()
  await eventually(async () => {
    assert.equal((await shop.call('GET', path, { buyer })).body.status, 'cancelled')
  })
  for (const sku of skus) await shop.settledAt(sku, 4)
})
