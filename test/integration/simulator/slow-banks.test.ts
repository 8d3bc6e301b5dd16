import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { startTestSimulator, stripeAt } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'usd' }
const card = { payment_method: 'pm_card_visa' }
const unreachable = { type: 'StripeConnectionError' }
const options = { idempotencyKey: 'k-1' }

test('a slow bank keeps the PaymentIntent to itself until it has answered', async (t) => {
  const clock = manualClock()
  const { stripe, script } = await startTestSimulator(t, { clock })
  await script('PUT', 'banks', { rules: [{ paymentMethod: 'pm_card_visa', minMs: 30_000 }] })
  const { id } = await stripe.paymentIntents.create(price)
  const slow = stripe.paymentIntents.confirm(id, card, options)
  await eventually(async () => {
    const { most } = await script('GET', 'requests')
    assert.equal(Object(most).endpoints['POST /v1/payment_intents/{id}/confirm'], 1)
  })
  const cancel = () => stripe.paymentIntents.cancel(id, {}, { idempotencyKey: 'k-2' })
  await assert.rejects(cancel(), { statusCode: 429, code: 'lock_timeout' })
  await assert.rejects(stripe.paymentIntents.confirm(id, card, options), {
    code: 'idempotency_key_in_use',
  })
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'requires_payment_method')
  clock.advance(30_000)
  assert.equal((await slow).status, 'succeeded')
  await assert.rejects(cancel(), { code: 'payment_intent_unexpected_state' })
})

test('other payment methods and other requests do not wait for a slow bank', async (t) => {
  const clock = manualClock()
  const { stripe, script } = await startTestSimulator(t, { clock })
  await script('PUT', 'banks', { rules: [{ paymentMethod: 'pm_card_amex', minMs: 1 }] })
  const { id } = await stripe.paymentIntents.create({ ...price, payment_method: 'pm_card_amex' })
  assert.equal((await stripe.paymentIntents.confirm(id, card)).status, 'succeeded')
  const paid = await stripe.paymentIntents.create({ ...price, ...card, confirm: true })
  assert.equal(paid.status, 'succeeded')
})

for (const when of ['before', 'after'] as const) {
  const charges = when === 'before' ? 0 : 1
  test(`a connection cut ${when} the charge leaves ${charges} charges; a retry pays once`, async (t) => {
    const { stripe, script } = await startTestSimulator(t)
    // Stripe's client asks once more by itself when a connection is closed.
    const count = when === 'before' ? 2 : 1
    await script('PUT', 'banks', { rules: [{ when, drop: true, count }] })
    const pay = () => stripe.paymentIntents.create({ ...price, ...card, confirm: true }, options)
    if (when === 'before') await assert.rejects(pay(), unreachable)
    else assert.equal((await pay()).lastResponse.headers['idempotent-replayed'], 'true')
    assert.equal((await stripe.charges.list()).data.length, charges)
    assert.equal((await pay()).status, 'succeeded')
    assert.equal((await stripe.charges.list()).data.length, 1)
  })
}

test('who gives up waiting after the charge finds the money taken', async (t) => {
  const clock = manualClock()
  const { url, stripe, script } = await startTestSimulator(t, { clock })
  await script('PUT', 'banks', { rules: [{ minMs: 20_000, when: 'after' }] })
  const { id } = await stripe.paymentIntents.create(price)
  const impatient = stripeAt(url, { timeout: 50 })
  await assert.rejects(impatient.paymentIntents.confirm(id, card), unreachable)
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'succeeded')
})
