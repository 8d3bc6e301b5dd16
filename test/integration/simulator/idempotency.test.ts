import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSimulator, testStripeKey } from '../../support/simulator.ts'

const price = { amount: 1999, currency: 'usd' } as const
const paying = { ...price, confirm: true, payment_method: 'pm_card_visa' }

test('one key is one payment: the same request gets the same answer, and says so', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const options = { idempotencyKey: 'k-1' }
  const first = await stripe.paymentIntents.create(paying, options)
  const second = await stripe.paymentIntents.create(paying, options)
  assert.equal(second.id, first.id)
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined)
  assert.equal(second.lastResponse.headers['idempotent-replayed'], 'true')
  assert.equal(second.lastResponse.headers['original-request'], first.lastResponse.requestId)
  assert.notEqual(second.lastResponse.requestId, first.lastResponse.requestId)
  await stripe.refunds.create({ payment_intent: first.id })
  const third = await stripe.paymentIntents.create(paying, options)
  assert.deepEqual({ ...third }, { ...first })
  assert.equal((await stripe.charges.list()).data.length, 1)
})

test('a decline is kept by its key, as it was', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const { id } = await stripe.paymentIntents.create(price)
  const confirm = () =>
    stripe.paymentIntents.confirm(
      id,
      { payment_method: 'pm_card_chargeDeclined' },
      { idempotencyKey: 'attempt-1' },
    )
  const declined = { statusCode: 402, decline_code: 'generic_decline' }
  await assert.rejects(confirm(), declined)
  await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })
  await assert.rejects(confirm(), declined)
  assert.equal((await script('GET', `payment_intents/${id}`)).attempted, 2)
})

test('a key does not go with other parameters, nor with another address', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const options = { idempotencyKey: 'k-1' }
  const { id } = await stripe.paymentIntents.create(price, options)
  const misused = { type: 'StripeIdempotencyError', statusCode: 400 }
  await assert.rejects(stripe.paymentIntents.create({ ...price, amount: 5 }, options), misused)
  await assert.rejects(stripe.paymentIntents.cancel(id, {}, options), misused)
  const reordered = await stripe.paymentIntents.create({ currency: 'usd', amount: 1999 }, options)
  assert.equal(reordered.id, id)
})

test('a request that is not valid leaves its key free', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const options = { idempotencyKey: 'k-1' }
  await assert.rejects(stripe.paymentIntents.create({ ...price, amount: 0 }, options), {
    param: 'amount',
  })
  assert.equal((await stripe.paymentIntents.create(price, options)).amount, 1999)
})

test('a refusal after the work began is kept', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { id } = await stripe.paymentIntents.create(paying)
  const cancel = () => stripe.paymentIntents.cancel(id, {}, { idempotencyKey: 'k-2' })
  await assert.rejects(cancel(), { code: 'payment_intent_unexpected_state' })
  const headers = await cancel().catch((error: { headers: object }) => error.headers)
  assert.equal(Object(headers)['idempotent-replayed'], 'true')
})

test('a key that is being worked on is a conflict, and one of many at once pays', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  await script('PUT', 'faults', { latency: { minMs: 100, maxMs: 100 } })
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () =>
      stripe.paymentIntents.create(paying, { idempotencyKey: 'k-1' }),
    ),
  )
  const refused = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  assert.equal(refused.length, 9)
  for (const error of refused) {
    assert.equal(error.statusCode, 409)
    assert.equal(error.code, 'idempotency_key_in_use')
  }
  await eventually(() =>
    stripe.paymentIntents.create(paying, { idempotencyKey: 'k-1' }).then(() => true),
  )
  assert.deepEqual((await script('GET', 'summary')).charges, {
    attempted: 1,
    succeeded: 1,
    failed: 0,
  })
})

test('a key lives for 24 hours', async (t) => {
  let laterMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + laterMs }
  const { stripe } = await startTestSimulator(t, { clock })
  const create = () => stripe.paymentIntents.create(price, { idempotencyKey: 'k-1' })
  const first = await create()
  laterMs = 23.9 * 3_600_000
  assert.equal((await create()).id, first.id)
  laterMs = 24.1 * 3_600_000
  assert.notEqual((await create()).id, first.id)
})

test('a key of more than 255 characters is refused', async (t) => {
  const { stripe } = await startTestSimulator(t)
  await assert.rejects(stripe.paymentIntents.create(price, { idempotencyKey: 'x'.repeat(256) }), {
    statusCode: 400,
  })
})

test('nobody is served without a key of the account, and only forms are read', async (t) => {
  const { url } = await startTestSimulator(t, { secretKey: testStripeKey })
  const ask = async (path: string, headers: Record<string, string>, body?: string) => {
    const answer = await fetch(`${url}${path}`, {
      headers,
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
    return [answer.status, Object(await answer.json()).error.type]
  }
  const invalid = 'invalid_request_error'
  assert.deepEqual(await ask('/v1/payment_intents', {}), [401, invalid])
  assert.deepEqual(await ask('/v1/payment_intents', { authorization: 'Bearer sk_test_other' }), [
    401,
    invalid,
  ])
  assert.deepEqual(await ask('/_sim/summary', {}), [401, invalid])
  const authorization = `Bearer ${testStripeKey}`
  assert.deepEqual(await ask('/v1/balances', { authorization }), [404, invalid])
  assert.deepEqual(await ask('/v1/payment_intents/pi_1/nothing', { authorization }, ''), [
    404,
    invalid,
  ])
  const json = { authorization, 'content-type': 'application/json' }
  assert.deepEqual(await ask('/v1/payment_intents', json, '{}'), [400, invalid])
  const form = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  assert.deepEqual(await ask('/v1/payment_intents', form, 'amount=%zz'), [400, invalid])
  assert.deepEqual(await ask('/v1/payment_intents', form, 'a'.repeat(70_000)), [413, invalid])
})
