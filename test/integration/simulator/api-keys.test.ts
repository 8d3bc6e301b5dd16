import assert from 'node:assert/strict'
import test from 'node:test'
import Stripe from 'stripe'
import { startTestSimulator, testStripeKey } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'usd' }
const unknown = { type: 'StripeAuthenticationError', statusCode: 401 }

const clientWith = (url: string, key: string) => {
  const { hostname, port } = new URL(url)
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 })
}

test('a wrong key is refused, masked, and keeps no idempotency key', async (t) => {
  const { url, stripe } = await startTestSimulator(t, { secretKey: testStripeKey })
  const options = { idempotencyKey: 'k-1' }
  const wrong = clientWith(url, 'sk_test_of_somebody_else')
  await assert.rejects(wrong.paymentIntents.create(price, options), {
    ...unknown,
    rawType: 'invalid_request_error',
    message: /^Invalid API Key provided: sk_test_\*+else$/,
  })
  const made = await stripe.paymentIntents.create(price, options)
  assert.equal(made.lastResponse.headers['idempotent-replayed'], undefined)
})

test('a key is rotated: old and new overlap, then the old one is gone', async (t) => {
  const { url, stripe, script } = await startTestSimulator(t, { secretKey: testStripeKey })
  const next = clientWith(url, 'sk_test_next')
  await assert.rejects(next.charges.list(), unknown)
  await script('PUT', 'keys', { keys: [{ key: testStripeKey }, { key: 'sk_test_next' }] })
  const options = { idempotencyKey: 'k-1' }
  const first = await stripe.paymentIntents.create(price, options)
  assert.equal((await next.paymentIntents.create(price, options)).id, first.id)
  const keys = [{ key: testStripeKey, expired: true }, { key: 'sk_test_next' }]
  await script('PUT', 'keys', { keys })
  await assert.rejects(stripe.charges.list(), { ...unknown, code: 'api_key_expired' })
  await script('PUT', 'keys', { keys: [{ key: 'sk_test_next' }] })
  await assert.rejects(stripe.charges.list(), unknown)
  await next.charges.list()
  await script('DELETE', 'keys')
  await stripe.charges.list()
})

test('a restricted key does what it may, and no more', async (t) => {
  const { url, stripe, script } = await startTestSimulator(t)
  const permissions = ['payment_intent_write', 'charge_read']
  await script('PUT', 'keys', { keys: [{ key: testStripeKey }, { key: 'rk_test_1', permissions }] })
  const restricted = clientWith(url, 'rk_test_1')
  const { id } = await restricted.paymentIntents.create(price)
  await restricted.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })
  await restricted.paymentIntents.list()
  const refunding = { payment_intent: id }
  const options = { idempotencyKey: 'r-1' }
  await assert.rejects(restricted.refunds.create(refunding, options), {
    type: 'StripePermissionError',
    statusCode: 403,
    message: /rak_charge_write/,
  })
  assert.equal((await stripe.refunds.create(refunding, options)).amount, 900)
})
