import assert from 'node:assert/strict'
import test from 'node:test'
import { startTestSimulator, stripeAt } from '../../support/simulator.ts'

const paying = { amount: 900, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' }
const options = { idempotencyKey: 'k-1' }
const unreachable = { type: 'StripeConnectionError' }
const broken = { type: 'StripeAPIError', statusCode: 500 }

const cases = [
  { kind: 'error_before', first: broken, charges: 0 },
  { kind: 'drop_before', first: unreachable, charges: 0 },
  { kind: 'error_after', first: broken, charges: 1 },
  { kind: 'drop_after', first: unreachable, charges: 1 },
] as const

for (const { kind, first, charges } of cases) {
  test(`after ${kind} there are ${charges} charges, and one after a retry with the same key`, async (t) => {
    const { stripe, script } = await startTestSimulator(t)
    // Stripe's client asks once more by itself when a connection is closed, even when told not to retry.
    const count = kind.startsWith('drop') ? 2 : 1
    await script('PUT', 'faults', { next: [{ kind, count }] })
    await assert.rejects(stripe.paymentIntents.create(paying, options), first)
    assert.equal((await stripe.charges.list()).data.length, charges)
    const retried = await stripe.paymentIntents.create(paying, options)
    assert.equal(retried.status, 'succeeded')
    assert.equal((await stripe.charges.list()).data.length, 1)
  })
}

test('a 500 that a key has kept comes again', async (t) => {
  const { url, script } = await startTestSimulator(t)
  const stripe = stripeAt(url, { maxNetworkRetries: 2 })
  await script('PUT', 'faults', { next: [{ kind: 'error_stored' }] })
  await assert.rejects(stripe.paymentIntents.create(paying, options), broken)
  await assert.rejects(stripe.paymentIntents.create(paying, options), broken)
  assert.equal((await stripe.charges.list()).data.length, 0)
})

test('a 500 after the charge may be kept, and only a look tells that the money was taken', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  await script('PUT', 'faults', { next: [{ kind: 'error_stored_after' }] })
  const headers = async () => {
    const failure = await stripe.paymentIntents
      .create(paying, options)
      .catch((error: Record<string, unknown>) => error)
    assert.equal(Object(failure).statusCode, 500)
    return Object(Object(failure).headers)
  }
  assert.equal((await headers())['idempotent-replayed'], undefined)
  assert.equal((await headers())['idempotent-replayed'], 'true')
  const { data } = await stripe.paymentIntents.list()
  assert.deepEqual(
    data.map(({ status }) => status),
    ['succeeded'],
  )
})

test('a client that retries by itself is charged once through lost answers', async (t) => {
  const { url, script } = await startTestSimulator(t)
  const stripe = stripeAt(url, { maxNetworkRetries: 3 })
  await script('PUT', 'faults', {
    next: [{ kind: 'drop_after' }, { kind: 'error_after', count: 2 }],
  })
  const paid = await stripe.paymentIntents.create({ ...paying, metadata: { checkout: 'c-1' } })
  assert.equal(paid.status, 'succeeded')
  const summary = await script('GET', 'summary?by=checkout')
  assert.deepEqual(summary.chargedTwice, [])
  assert.equal(summary.chargedOnce, 1)
})

test('two charges for one checkout are noticed', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  for (let twice = 0; twice < 2; twice += 1) {
    await stripe.paymentIntents.create({ ...paying, metadata: { checkout: 'c-1' } })
  }
  const { chargedTwice } = await script('GET', 'summary?by=checkout')
  const [found] = Object(chargedTwice)
  assert.equal(found.name, 'c-1')
  assert.equal(found.charges, 2)
})

test('a fault strikes only the requests that it names', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  await script('PUT', 'faults', { next: [{ kind: 'error_before', match: '/confirm' }] })
  const { id } = await stripe.paymentIntents.create({ amount: 900, currency: 'usd' })
  const card = { payment_method: 'pm_card_visa' }
  await assert.rejects(stripe.paymentIntents.confirm(id, card), broken)
  assert.equal((await stripe.paymentIntents.confirm(id, card)).status, 'succeeded')
})

test('an outage ends when it is taken back', async (t) => {
  const { url, stripe, script } = await startTestSimulator(t)
  await script('PUT', 'faults', { outage: 'error' })
  await assert.rejects(stripe.paymentIntents.list(), { statusCode: 503 })
  await script('PUT', 'faults', { outage: 'drop' })
  await assert.rejects(stripe.paymentIntents.list(), unreachable)
  await script('PUT', 'faults', { outage: 'hang' })
  await assert.rejects(stripeAt(url, { timeout: 100 }).paymentIntents.list(), unreachable)
  await script('DELETE', 'faults')
  assert.deepEqual((await stripe.paymentIntents.list()).data, [])
})

test('a payment that a client gave up waiting for is made all the same', async (t) => {
  const { url, stripe, script } = await startTestSimulator(t)
  await script('PUT', 'faults', { latency: { minMs: 300, maxMs: 300, match: 'POST' } })
  const impatient = stripeAt(url, { timeout: 50 })
  await assert.rejects(impatient.paymentIntents.create(paying, options), unreachable)
  await assert.rejects(stripe.paymentIntents.create(paying, options), { statusCode: 409 })
  const patient = stripeAt(url, { maxNetworkRetries: 5 })
  assert.equal((await patient.paymentIntents.create(paying, options)).status, 'succeeded')
  assert.equal((await stripe.charges.list()).data.length, 1)
})
