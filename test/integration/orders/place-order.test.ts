// POST /api/orders: checkout and payment in one call. Whatever fails, nothing is left behind, and a key
// finds its order again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { assertKept } from '../../support/guarantees.ts'
import { startOrderSystem } from '../../support/orders.ts'

test('one call buys: a paid order, one charge, sold units', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 5, price: 1_250 })
  const buyer = newId()
  const placed = await shop.buy(buyer, [{ sku, quantity: 2 }], { paymentMethodId: 'pm_card_visa' })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
  const { orderId, ...rest } = placed.body
  assert.deepEqual(rest, { status: 'paid', totalAmount: 2_500, currency: 'EUR' })
  assert.equal(placed.headers.get('location'), `/api/orders/${orderId}`)
  await shop.settledAt(sku, 3)
  const { charges, captured } = await shop.moneyOf(orderId as string)
  assert.deepEqual([charges, captured], [1, 2_500])
})

test('without a payment method the units are reserved, to be paid later', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 2 })
  const buyer = newId()
  const placed = await shop.buy(buyer, [{ sku, quantity: 1 }])
  assert.equal(placed.status, 201)
  assert.equal(placed.body.status, 'awaiting_payment')
  const id = placed.body.orderId as string
  assert.equal((await shop.confirm({ buyer, id, sku })).status, 200)
  assert.equal((await shop.look(id, buyer)).body.status, 'paid')
})

test('the same key finds the same order, however often and at however many processes', async (t) => {
  const shop = await startOrderSystem(t, { apis: 2 })
  const sku = await shop.addSku({ units: 50 })
  const [buyer, key] = [newId(), newId()]
  const again = (url = shop.url) =>
    shop.buy(buyer, [{ sku, quantity: 1 }], { key, url, paymentMethodId: 'pm_card_visa' })
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => again(shop.urls[i % 2])))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  const fresh = answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)
  assert.equal(fresh.length, 1)
  await shop.settledAt(sku, 49)
  assert.equal((await shop.moneyOf(answers[0]?.body.orderId as string)).charges, 1)

  const later = await again()
  assert.equal(later.headers.get('idempotency-replayed'), 'true')
  assert.deepEqual(later.body, answers[0]?.body)
})

test('a key stands for the whole body: other lines or another card are another request', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku()
  const [buyer, key] = [newId(), newId()]
  const first = await shop.buy(buyer, [{ sku, quantity: 1 }], { key })
  assert.equal(first.status, 201)
  for (const [items, more] of [
    [[{ sku, quantity: 2 }], {}],
    [[{ sku, quantity: 1 }], { paymentMethodId: 'pm_card_visa' }],
    [[{ sku, quantity: 1 }], { shipTo: { latitude: 1, longitude: 2 } }],
  ] as const) {
    const answer = await shop.buy(buyer, items, { key, ...more })
    assert.deepEqual([answer.status, answer.body.code], [422, 'idempotency_key_reused'])
  }
  const elsewhere = await shop.place(buyer, [{ sku, quantity: 1 }], { key, wait: 5 })
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [422, 'idempotency_key_reused'])
  await shop.settledAt(sku, 9)
})

test('a declined card gives the units back, and the same key is told the same again', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 1, limit: 1 })
  const [buyer, key] = [newId(), newId()]
  const items = [{ sku, quantity: 1 }]
  const paymentMethodId = 'pm_card_chargeDeclinedInsufficientFunds'
  for (let i = 0; i < 2; i++) {
    const answer = await shop.buy(buyer, items, { key, paymentMethodId })
    assert.deepEqual(
      [answer.status, answer.body.code, answer.body.declineCode, answer.body.attemptsLeft],
      [402, 'card_declined', 'insufficient_funds', 0],
    )
    await shop.settledAt(sku, 1)
  }
  assert.deepEqual(await shop.statusesOf(buyer), ['cancelled'])
  // Units and limit are free for another try.
  const next = await shop.buy(buyer, items, { paymentMethodId: 'pm_card_visa' })
  assert.equal(next.status, 201, JSON.stringify(next.body))
})

test('a payment method that does not exist is an input error, and the units go back', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 1 })
  const [buyer, key] = [newId(), newId()]
  for (let i = 0; i < 2; i++) {
    const answer = await shop.buy(buyer, [{ sku, quantity: 1 }], {
      key,
      paymentMethodId: 'pm_does_not_exist',
    })
    assert.deepEqual([answer.status, answer.body.code], [400, 'validation_failed'])
    assert.equal(answer.body.errors[0]?.path, 'paymentMethodId')
  }
  await shop.settledAt(sku, 1)
})

test('a provider that is away ends the order at once, and nothing stays charged', async (t) => {
  const shop = await startOrderSystem(t, { own: true })
  const sku = await shop.addSku({ units: 1 })
  const [buyer, key] = [newId(), newId()]
  await shop.simulator.script('PUT', 'faults', { outage: 'drop' })
  const buy = () =>
    shop.buy(buyer, [{ sku, quantity: 1 }], { key, paymentMethodId: 'pm_card_visa' })
  const answer = await buy()
  assert.deepEqual([answer.status, answer.body.code], [503, 'payment_unavailable'])
  assert.ok(answer.headers.get('retry-after'))
  await shop.settledAt(sku, 1)
  await shop.simulator.script('PUT', 'faults', {})
  const again = await buy()
  assert.deepEqual([again.status, again.body.code], [503, 'payment_unavailable'])
  await shop.settledAt(sku, 1)
})

test('a bank that wants its customer is answered 202 with the secret, and the key joins it', async (t) => {
  const shop = await startOrderSystem(t, { webhooks: true })
  const sku = await shop.addSku({ units: 1 })
  const [buyer, key] = [newId(), newId()]
  const buy = () =>
    shop.buy(buyer, [{ sku, quantity: 1 }], {
      key,
      paymentMethodId: 'pm_card_authenticationRequired',
    })
  const first = await buy()
  assert.equal(first.status, 202, JSON.stringify(first.body))
  assert.equal(first.body.status, 'paying')
  assert.match(String(first.body.clientSecret), /_secret_/)
  assert.deepEqual((await buy()).body, first.body)
  const intent = await shop.intentOf(first.body.orderId as string)
  const outcome = 'succeed'
  await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, { outcome })
  await eventually(async () => {
    const answer = await buy()
    assert.deepEqual([answer.status, answer.body.status], [201, 'paid'])
  })
})

test('the last unit and 50 buyers: one paid order, and nobody else has one', async (t) => {
  const shop = await startOrderSystem(t, { own: true, apis: 2 })
  const sku = await shop.addSku({ units: 1 })
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      shop.buy(newId(), [{ sku, quantity: 1 }], {
        url: shop.urls[i % 2] as string,
        paymentMethodId: 'pm_card_visa',
      }),
    ),
  )
  const counts = Map.groupBy(answers, ({ status, body }) => `${status} ${body.code ?? body.status}`)
  assert.deepEqual([...counts].map(([what, list]) => [what, list.length]).sort(), [
    ['201 paid', 1],
    ['409 sold_out', 49],
  ])
  await shop.settledAt(sku, 0)
  const { body } = await shop.call('GET', '/api/orders', { buyer: newId(), role: 'admin' })
  assert.equal(body.items.length, 1, 'no orphan')
  await assertKept(shop)
})

test('nothing is created by what is refused', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 1, limit: 1 })
  const buyer = newId()
  await shop.paid([{ sku, quantity: 1 }])
  await shop.settledAt(sku, 0)
  const before = await shop.traces(sku)
  const call = (options: object) => shop.call('POST', '/api/orders', { buyer, ...options })
  const headers = { 'idempotency-key': newId() }
  const items = [{ sku, quantity: 1 }]
  const cases: readonly [object, number, string][] = [
    [{ body: { items } }, 400, 'idempotency_key_missing'],
    [{ headers, body: { items: [] } }, 400, 'validation_failed'],
    [{ headers, body: { items, total: 1 } }, 400, 'validation_failed'],
    [{ headers, body: { items, paymentMethodId: 'pm card' } }, 400, 'validation_failed'],
    [
      { headers, body: { items, shipTo: { latitude: 91, longitude: 0 } } },
      400,
      'validation_failed',
    ],
    [{ headers, body: { items: [{ sku: 'NOPE', quantity: 1 }] } }, 404, 'not_found'],
    [{ headers, body: { items: [{ sku, quantity: 2 }] } }, 409, 'purchase_limit'],
    [{ headers, body: { items } }, 409, 'sold_out'],
    [{ headers, body: { items }, role: 'seller' }, 403, 'forbidden'],
    [{ headers, body: { items }, role: 'admin' }, 403, 'forbidden'],
    [{ headers, body: { items }, buyer: undefined }, 401, 'unauthenticated'],
  ]
  for (const [options, status, code] of cases) {
    const answer = await call(options)
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(options))
  }
  assert.deepEqual(await shop.traces(sku), before)
})

test('an order over several SKUs is all or nothing, and names the line that is gone', async (t) => {
  const shop = await startOrderSystem(t)
  const [there, gone] = [await shop.addSku({ units: 3 }), await shop.addSku({ units: 0 })]
  const both = [
    { sku: there, quantity: 1 },
    { sku: gone, quantity: 1 },
  ]
  const refused = await shop.buy(newId(), both, { paymentMethodId: 'pm_card_visa' })
  assert.deepEqual([refused.status, refused.body.code, refused.body.sku], [409, 'sold_out', gone])
  const other = await shop.addSku({ units: 3, price: 500 })
  const lines = [
    { sku: there, quantity: 2 },
    { sku: other, quantity: 1 },
  ]
  const { id, buyer } = await shop.paid(lines)
  assert.equal((await shop.look(id, buyer)).body.total, 2_500)
  await shop.settledAt(there, 1)
  await shop.settledAt(other, 2)
})

test('a cart is bought in one call, emptied by success only, and once', async (t) => {
  const shop = await startOrderSystem(t)
  const [a, b] = [await shop.addSku({ units: 5 }), await shop.addSku({ units: 5, price: 500 })]
  const buyer = newId()
  const post = (path: string, body: object, key = newId()) =>
    shop.call('POST', path, { buyer, body, headers: { 'idempotency-key': key } })
  const inCart = async () => {
    const { body } = await shop.call('GET', '/api/cart', { buyer })
    return body.items.map(({ sku, quantity }) => [sku, quantity])
  }
  const visa = { fromCart: true, paymentMethodId: 'pm_card_visa' }
  const empty = await post('/api/orders', visa)
  assert.deepEqual([empty.status, empty.body.code], [400, 'validation_failed'])
  const both = await post('/api/orders', { ...visa, items: [{ sku: a, quantity: 1 }] })
  assert.deepEqual([both.status, both.body.code], [400, 'validation_failed'])

  await post('/api/cart/items', { sku: a, quantity: 2 })
  await post('/api/cart/items', { sku: b, quantity: 1 })
  const lines = await inCart()
  const declined = await eventually(async () => {
    const paymentMethodId = 'pm_card_chargeDeclined'
    const answer = await post('/api/orders', { fromCart: true, paymentMethodId })
    assert.notEqual(answer.body.code, 'overloaded')
    return answer
  })
  assert.equal(declined.status, 402)
  assert.deepEqual(await inCart(), lines, 'a payment that failed leaves the cart as it was')

  const key = newId()
  const placed = await post('/api/orders', visa, key)
  assert.deepEqual([placed.status, placed.body.totalAmount], [201, 2_500])
  assert.deepEqual(await inCart(), [])
  await post('/api/cart/items', { sku: b, quantity: 3 })
  const again = await post('/api/orders', visa, key)
  assert.deepEqual([again.status, again.body], [201, placed.body])
  assert.deepEqual(await inCart(), [[b, 3]], 'a replay leaves a new cart alone')
  await shop.settledAt(a, 3)
  await shop.settledAt(b, 4)
  await assertKept(shop)
})
