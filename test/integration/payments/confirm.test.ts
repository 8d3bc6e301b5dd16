import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { startPayingSystem } from '../../support/paying.ts'

test('a reserved checkout is paid: one charge, a paid order, sold units', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve({ units: 5, price: 1_250, quantity: 2 })
  const answer = await shop.confirm(bought)
  const paid = { status: 'confirmed', orderId: bought.id, card: { brand: 'visa', last4: '4242' } }
  assert.deepEqual([answer.status, answer.body], [200, paid])
  await shop.becomes(bought.id, {
    checkout: 'confirmed',
    order: 'paid',
    payment: 'succeeded',
    captured: 2_500,
    attempts: ['succeeded'],
    lines: ['paid'],
  })
  await shop.settledAt(bought.sku, 3)
  assert.equal((await shop.ledgerOf(bought.sku)).sold, 2)
  const money = await shop.moneyOf(bought.id)
  assert.deepEqual([money.intents, money.charges, money.captured], [1, 1, 2_500])

  const again = await shop.confirm(bought, 'pm_card_chargeDeclined')
  assert.deepEqual([again.status, again.body], [200, answer.body], 'answered as before')
  assert.equal((await shop.moneyOf(bought.id)).charges, 1)
})

test('a decline keeps the hold; the last one gives the units back within a second', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve({ units: 3 })
  for (const [method, declineCode, attemptsLeft] of [
    ['pm_card_chargeDeclined', 'generic_decline', 2],
    ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds', 1],
  ] as const) {
    const answer = await shop.confirm(bought, method)
    assert.equal(answer.status, 402)
    assert.deepEqual(
      [answer.body.code, answer.body.declineCode, answer.body.attemptsLeft],
      ['card_declined', declineCode, attemptsLeft],
    )
    await shop.becomes(bought.id, { checkout: 'reserved', order: 'awaiting_payment' })
    assert.equal((await shop.ledgerOf(bought.sku)).held, 1)
  }
  const last = await shop.confirm(bought, 'pm_card_chargeDeclined')
  assert.deepEqual([last.status, last.body.code, last.body.attemptsLeft], [402, 'card_declined', 0])
  await shop.becomes(bought.id, { checkout: 'payment_failed', order: 'cancelled' }, 1_000)
  await shop.settledAt(bought.sku, 3)
  const after = await shop.confirm(bought)
  assert.deepEqual([after.status, after.body.code], [409, 'invalid_transition'])
  const { charges, statuses } = await shop.moneyOf(bought.id)
  assert.deepEqual(charges, 0)
  await shop.becomes(bought.id, { payment: 'canceled' })
  assert.equal(statuses.length, 1)
})

test('another card may be used after a decline', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, 402)
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.becomes(bought.id, { order: 'paid', attempts: ['declined', 'succeeded'] })
  assert.equal((await shop.moneyOf(bought.id)).intents, 1, 'one intent for life')
})

test('twenty confirms at once are one attempt with twenty equal answers', async (t) => {
  const shop = await startPayingSystem(t, { apis: 2 })
  const bought = await shop.reserve()
  await shop.simulator.script('PUT', 'faults', { latency: { minMs: 200, maxMs: 300 } })
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      shop.call('POST', `/api/checkouts/${bought.id}/confirm`, {
        buyer: bought.buyer,
        body: { paymentMethodId: 'pm_card_visa' },
        url: shop.urls[i % 2] ?? '',
      }),
    ),
  )
  for (const { status, body } of answers) {
    const card = { brand: 'visa', last4: '4242' }
    assert.deepEqual([status, body], [200, { status: 'confirmed', orderId: bought.id, card }])
  }
  await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded'] })
  assert.equal((await shop.moneyOf(bought.id)).charges, 1)
})

test('who joins a declined attempt is declined with it, on any process', async (t) => {
  const shop = await startPayingSystem(t, { apis: 2 })
  const bought = await shop.reserve()
  await shop.simulator.script('PUT', 'faults', { latency: { minMs: 300, maxMs: 300 } })
  const answers = await Promise.all(
    shop.urls.map((url) =>
      shop.call('POST', `/api/checkouts/${bought.id}/confirm`, {
        buyer: bought.buyer,
        body: { paymentMethodId: 'pm_card_chargeDeclined' },
        url,
      }),
    ),
  )
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body.declineCode, body.attemptsLeft]),
    [
      [402, 'generic_decline', 2],
      [402, 'generic_decline', 2],
    ],
  )
  await shop.becomes(bought.id, { checkout: 'reserved', attempts: ['declined'] })
})

test('a checkout that is still queued is paid as soon as it is committed', async (t) => {
  const shop = await startPayingSystem(t)
  const sku = await shop.addSku()
  await shop.reserveOf(sku)
  const buyer = newId()
  const { body, status } = await shop.place(buyer, [{ sku, quantity: 1 }])
  assert.equal(status, 202)
  const answer = await shop.confirm({ buyer, id: body.id, sku })
  assert.deepEqual([answer.status, answer.body.orderId], [200, body.id])
})

test('what is free of charge is confirmed without the provider', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ price: 0 })
  await shop.simulator.script('PUT', 'faults', { outage: 'drop' })
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.becomes(bought.id, { order: 'paid', payment: 'succeeded', captured: 0 })
})

test('what is free of charge is confirmed also when its process died before it was', async (t) => {
  const shop = await startPayingSystem(t)
  const { id, buyer } = await shop.reserve({ units: 2, price: 0 })
  const attempt = { checkoutId: id, buyerId: buyer, paymentMethodId: 'pm_card_visa' }
  assert.ok(await shop.money().store.begin({ ...attempt, queue: false }))
  await shop.reconcile(shop.money())
  await shop.becomes(id, { checkout: 'confirmed', order: 'paid', attempts: ['succeeded'] })
  assert.equal((await shop.moneyOf(id)).intents, 0)
})

test('only its buyer can pay for a checkout, and only with a payment method that exists', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  const somebody = await shop.confirm({ ...bought, buyer: newId() })
  assert.deepEqual([somebody.status, somebody.body.code], [404, 'not_found'])
  const unknown = await shop.confirm({ ...bought, id: newId() })
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'not_found'])
  const wrong = await shop.confirm({ ...bought, id: 'nothing' })
  assert.equal(wrong.status, 404)
  for (const paymentMethodId of ['', 'pm card', 'x'.repeat(300)]) {
    assert.equal((await shop.confirm(bought, paymentMethodId)).status, 400)
  }
  const missing = await shop.confirm(bought, 'pm_does_not_exist')
  assert.deepEqual(
    [missing.status, missing.body.code, missing.body.errors[0]?.path],
    [400, 'validation_failed', 'paymentMethodId'],
  )
  await shop.becomes(bought.id, { checkout: 'reserved', attempts: ['abandoned'] })
  assert.equal((await shop.confirm(bought)).status, 200, 'the hold was kept')
})

test("amount and currency are the order's, whatever the client sends", async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve({ price: 700 })
  const answer = await shop.call('POST', `/api/checkouts/${bought.id}/confirm`, {
    buyer: bought.buyer,
    body: { paymentMethodId: 'pm_card_visa', amount: 1, currency: 'USD' },
  })
  assert.deepEqual([answer.status, answer.body.code], [400, 'validation_failed'])
  assert.equal((await shop.confirm(bought)).status, 200)
  assert.equal((await shop.moneyOf(bought.id)).captured, 700)
})

test('a cancelled, an expired and a paying checkout refuse what they cannot do', async (t) => {
  const shop = await startPayingSystem(t)
  const cancelled = await shop.reserve()
  const path = (id: string) => `/api/checkouts/${id}`
  assert.equal((await shop.call('DELETE', path(cancelled.id), cancelled)).status, 204)
  const late = await shop.confirm(cancelled)
  assert.deepEqual([late.status, late.body.code], [409, 'invalid_transition'])

  const overdue = await shop.reserve()
  await shop.expireIn(overdue.id, -1)
  const expired = await shop.confirm(overdue)
  assert.deepEqual([expired.status, expired.body.code], [410, 'hold_expired'])

  const asked = await shop.reserve()
  const asking = await shop.confirm(asked, 'pm_card_authenticationRequired')
  assert.equal(asking.status, 202)
  const given = await shop.call('DELETE', path(asked.id), asked)
  assert.deepEqual([given.status, given.body.code], [409, 'invalid_transition'])
})

test('a strategy without actors is paid in the same way', async (t) => {
  const shop = await startPayingSystem(t, { settings: { STOCK_STRATEGY: 'pessimistic' } })
  const bought = await shop.reserve({ units: 3 })
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.becomes(bought.id, { order: 'paid', captured: 1_000 })
  await eventually(async () => {
    const { free, held, sold } = await shop.ledgerOf(bought.sku)
    assert.deepEqual([free, held, sold], [2, 0, 1])
  })
})
