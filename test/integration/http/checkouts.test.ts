// The life of a checkout as its buyer sees it: placed, looked at, waited for, given back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { checkoutIds } from '../../../src/stock/protocol/checkout-id.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem } from '../../support/system.ts'

test('a checkout that is waited for is reserved, with its order, price and deadline', async (t) => {
  const shop = await startTestSystem(t, { settings: { HOLD_SECONDS: '600' } })
  const sku = await shop.addSku({ units: 5, price: 1_250 })
  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
  assert.equal(placed.headers.get('location'), `/api/checkouts/${placed.body.id}`)
  assert.equal(placed.headers.get('idempotency-replayed'), null)
  assert.equal(placed.body.status, 'reserved')
  assert.equal(placed.body.total, 2_500)
  assert.equal(placed.body.currency, 'EUR')
  assert.equal(placed.body.remaining, 3)
  const holdMs = Date.parse(placed.body.expiresAt ?? '') - systemClock.now()
  assert.ok(holdMs > 500_000 && holdMs <= 601_000, `the hold lasts ${holdMs} ms`)

  const seen = await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
  assert.equal(seen.status, 200)
  assert.equal(seen.body.orderId, placed.body.id)
  assert.equal(seen.body.expiresAt, placed.body.expiresAt)
  assert.deepEqual(seen.body.items, [{ sku, quantity: 2, unitPrice: 1_250 }])
  await shop.settledAt(sku, 3)
})

test('a checkout that is not waited for is queued and comes to be reserved', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku()
  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 1 }])
  assert.equal(placed.status, 202)
  assert.equal(placed.body.status, 'queued')
  assert.deepEqual(placed.body.items, [{ sku, quantity: 1 }])
  await eventually(async () => {
    const seen = await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
    assert.equal(seen.status, 200)
    assert.equal(seen.body.status, 'reserved')
  })
})

test('Prefer is read as RFC 7240 writes it, and nonsense is no wish', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const sku = await shop.addSku({ units: 100 })
  const first = await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(first.status, 201)
  const cases: Record<string, number> = {
    'wait=10': 201,
    'Wait=10': 201,
    'wait = 10': 201,
    'wait="10"': 201,
    'respond-async, wait=10': 201,
    'wait=10; foo=bar': 201,
    'return=minimal, wait=10, handling=lenient': 201,
    'wait=999999': 201,
    'wait=999999999999': 201,
  }
  for (const [prefer, status] of Object.entries(cases)) {
    const answer = await shop.place(newId(), [{ sku, quantity: 1 }], { headers: { prefer } })
    assert.equal(answer.status, status, prefer)
    assert.equal(answer.headers.get('preference-applied'), 'wait')
  }
  await shop.stopWorkers()
  for (const prefer of ['wait=0', 'wait=-5', 'wait=ten', 'wait', 'await=10', 'wait=1.5']) {
    const answer = await shop.place(newId(), [{ sku, quantity: 1 }], { headers: { prefer } })
    assert.equal(answer.status, 202, prefer)
    assert.equal(answer.body.status, 'queued')
  }
})

test('a wait that runs out is answered 202, and the checkout is still committed later', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const sku = await shop.addSku()
  await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  await shop.stopWorkers()
  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 1 }], { wait: 1 })
  assert.equal(placed.status, 202)
  assert.equal(placed.body.status, 'queued')
  await shop.startWorker()
  await eventually(async () => {
    const seen = await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
    assert.equal(seen.body.status, 'reserved')
  })
})

test('a hold is given back once, however often its buyer asks', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 3, limit: 2 })
  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(placed.status, 201)
  const path = `/api/checkouts/${placed.body.id}`
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => shop.call('DELETE', path, { buyer })),
  )
  answers.push(await shop.call('DELETE', path, { buyer }))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [204])
  await shop.settledAt(sku, 3)
  const seen = await shop.call('GET', path, { buyer })
  assert.equal(seen.body.status, 'cancelled')
  assert.equal(seen.body.expiresAt, null)

  // The limit is free again as well.
  const again = await shop.place(buyer, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(again.status, 201, JSON.stringify(again.body))
})

test('a queued checkout that is given back is never reserved, and its units return', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const sku = await shop.addSku({ units: 3, limit: 2 })
  const warm = await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(warm.status, 201)
  await shop.stopWorkers()

  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 2 }])
  assert.equal(placed.status, 202)
  const path = `/api/checkouts/${placed.body.id}`
  for (let i = 0; i < 3; i++) {
    assert.equal((await shop.call('DELETE', path, { buyer })).status, 204)
  }
  assert.equal((await shop.call('GET', path, { buyer })).body.status, 'cancelled')
  await shop.startWorker()
  await shop.settledAt(sku, 2)
  const seen = await shop.call('GET', path, { buyer })
  assert.equal(seen.body.status, 'cancelled')
  assert.equal(seen.body.orderId, null)
  const again = await shop.place(buyer, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(again.status, 201, JSON.stringify(again.body))
})

test('an id that finds its way but was never committed is lost once its generation is closed', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku()
  const buyer = newId()
  await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  const { generation } = await shop.ledgerOf(sku)
  const ids = checkoutIds(shop.config.JWT_SECRET, systemClock.now, systemRandom)
  const closed = ids.mint(partitionOf(sku), generation + 255, buyer)
  const current = ids.mint(partitionOf(sku), generation, buyer)
  const look = (id: string, who: string) => shop.call('GET', `/api/checkouts/${id}`, { buyer: who })
  assert.equal((await look(closed, buyer)).body.status, 'lost')
  assert.equal((await look(current, buyer)).body.status, 'queued')
  assert.equal((await look(current, newId())).status, 404)
})

test('a SKU tells price, sale and what would be granted now', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 5, price: 300, limit: 2 })
  const look = () => shop.call('GET', `/api/skus/${sku}`)
  assert.equal((await look()).body.available, 5)
  await shop.place(newId(), [{ sku, quantity: 2 }], { wait: 10 })
  await eventually(async () => {
    const { body } = await look()
    assert.deepEqual([body.available, body.held, body.price, body.currency], [3, 2, 300, 'EUR'])
    assert.equal((body.sale as { perCustomerLimit: number }).perCustomerLimit, 2)
  })
  assert.equal((await shop.call('GET', '/api/skus/NOT-THERE')).status, 404)
})

test('a hold that is not paid in time expires and its unit is sold to the next', async (t) => {
  const shop = await startTestSystem(t, { settings: { HOLD_SECONDS: '1', SWEEP_SECONDS: '1' } })
  const sku = await shop.addSku({ units: 1 })
  const buyer = newId()
  const first = await shop.place(buyer, [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(first.status, 201)
  await eventually(async () => {
    const next = await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
    assert.equal(next.status, 201)
  })
  const seen = await shop.call('GET', `/api/checkouts/${first.body.id}`, { buyer })
  assert.equal(seen.body.status, 'expired')
})
