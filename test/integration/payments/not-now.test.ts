// A provider that says "not now", "not you", or nothing for a long time costs nobody their units.
import assert from 'node:assert/strict'
import test from 'node:test'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bought, type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { testStripeKey } from '../../support/simulator.ts'

const confirmWithin = (shop: PayingSystem, { id, buyer }: Bought, seconds: number) =>
  shop.call('POST', `/api/checkouts/${id}/confirm`, {
    buyer,
    body: { paymentMethodId: 'pm_card_visa' },
    headers: { prefer: `wait=${seconds}` },
  })

async function isPaidOnce(shop: PayingSystem, { id }: Bought): Promise<void> {
  await shop.becomes(id, { checkout: 'confirmed', order: 'paid', captured: 1_000 }, 30_000)
  const { intents, charges, refunded } = await shop.moneyOf(id)
  assert.deepEqual([intents, charges, refunded], [1, 1, 0])
}

for (const [what, kind] of [
  ['has too many requests', 'rate_limited'],
  ['has the intent locked', 'lock_timeout'],
  ['works on the same key already', 'key_in_use'],
] as const) {
  test(`a buyer whose provider ${what} keeps the units and is charged once`, async (t) => {
    const shop = await startPayingSystem(t)
    const bought = await shop.reserve({ units: 2 })
    await shop.simulator.script('PUT', 'faults', { next: [{ kind, count: 2 }] })
    assert.ok([200, 202].includes((await shop.confirm(bought)).status))
    await isPaidOnce(shop, bought)
  })
}

test('with a key that the provider refuses, holds are kept, readiness is red, and all is paid later', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 2 })
  await shop.simulator.script('PUT', 'keys', { keys: [{ key: 'sk_test_rotated' }] })
  const answer = await confirmWithin(shop, bought, 1)
  assert.deepEqual([answer.status, answer.body.status], [202, 'paying'])
  assert.ok(Number(answer.body.pollAfterMs) > 0)
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
  const ready = await shop.call('GET', '/health/ready')
  assert.deepEqual([ready.status, ready.body.payments], [503, 'unhealthy'])
  assert.equal((await shop.call('GET', '/health')).status, 200)
  await shop.expireIn(bought.id, -60)
  assert.equal(await expireHolds(shop.money()), 0)
  await shop.simulator.script('DELETE', 'keys')
  await isPaidOnce(shop, bought)
  await eventually(async () => assert.equal((await shop.call('GET', '/health/ready')).status, 200))
})

test('a key that is about to be changed may stand beside its successor', async (t) => {
  const shop = await startPayingSystem(t, {
    settings: { STRIPE_SECRET_KEY: `sk_test_of_tomorrow, ${testStripeKey}` },
  })
  await shop.simulator.script('PUT', 'keys', { keys: [{ key: testStripeKey }] })
  const today = await shop.reserve()
  assert.equal((await shop.confirm(today)).status, 200)
  await shop.simulator.script('PUT', 'keys', { keys: [{ key: 'sk_test_of_tomorrow' }] })
  const tomorrow = await shop.reserve()
  assert.equal((await shop.confirm(tomorrow)).status, 200)
})

const slowBank = { rules: [{ paymentMethod: 'pm_card_visa', minMs: 1_500, maxMs: 1_500 }] }

test('a bank that takes its time ends as paid, whether or not the buyer waits', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  await shop.simulator.script('PUT', 'banks', slowBank)
  const told = await confirmWithin(shop, bought, 1)
  assert.deepEqual([told.status, told.body.status, told.body.clientSecret], [202, 'paying', null])
  // Whoever asks again joins the attempt.
  assert.equal((await shop.confirm(bought)).status, 200)
  await isPaidOnce(shop, bought)
})

test('an order in one call is told that its bank takes its time, and is paid', async (t) => {
  const shop = await startPayingSystem(t)
  const sku = await shop.addSku()
  await shop.simulator.script('PUT', 'banks', slowBank)
  const answer = await shop.call('POST', '/api/orders', {
    buyer: newId(),
    body: { items: [{ sku, quantity: 1 }], paymentMethodId: 'pm_card_visa' },
    headers: { 'idempotency-key': newId(), prefer: 'wait=1' },
  })
  assert.deepEqual([answer.status, answer.body.status], [202, 'paying'])
  await shop.becomes(String(answer.body.orderId), { checkout: 'confirmed', order: 'paid' }, 30_000)
})

for (const [what, kind] of [
  ['nothing was charged', 'error_stored'],
  ['the charge was made', 'error_stored_after'],
] as const) {
  test(`a failure that the provider keeps under the key, when ${what}, ends as one charge`, async (t) => {
    const shop = await startPayingSystem(t)
    const bought = await shop.reserve()
    await shop.simulator.script('PUT', 'faults', { next: [{ kind, count: 1 }] })
    assert.equal((await shop.confirm(bought)).status, 200)
    await isPaidOnce(shop, bought)
  })
}

test('a buyer who gave up a payment that nobody answered is never charged by a late request', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 2 })
  await shop.simulator.script('PUT', 'faults', { outage: 'drop' })
  assert.equal((await shop.confirm(bought)).status, 503)
  await shop.becomes(bought.id, { checkout: 'payment_failed' })
  await shop.simulator.script('DELETE', 'faults')
  await shop.becomes(bought.id, { payment: 'canceled' }, 40_000)
  // The request of before comes to the provider only now: its key is taken.
  const { amount, currency } = { amount: 1_000, currency: 'EUR' }
  const late = await shop.money().gateway.createAndConfirm({
    checkoutId: bought.id,
    ...{ buyerId: bought.buyer, orderNumber: null, details: null },
    amount,
    currency,
    paymentMethodId: 'pm_card_visa',
    key: `pay-${bought.id}-1`,
  })
  assert.equal(late.tag, 'refused')
  assert.equal((await shop.moneyOf(bought.id)).charges, 0)
  await shop.settledAt(bought.sku, 2)
})
