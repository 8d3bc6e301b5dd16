import assert from 'node:assert/strict'
import test from 'node:test'
import { manualClock } from '../../support/manual-clock.ts'
import { startTestSimulator, stripeAt, type TestSimulator } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'usd' }
const card = { payment_method: 'pm_card_visa' }
const limited = { type: 'StripeRateLimitError', statusCode: 429, code: 'rate_limit' }
const confirmation = 'POST /v1/payment_intents/{id}/confirm'

/** A simulator whose seconds end when the test says so. */
const start = async (t: test.TestContext, limits: object) => {
  const clock = manualClock()
  const simulator = await startTestSimulator(t, { clock, rateLimits: limits })
  return { ...simulator, clock }
}

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => assert.fail('answered'),
    ({ headers }: { headers: Record<string, string> }) => headers['stripe-rate-limited-reason'],
  )

const createThree = ({ stripe }: TestSimulator) =>
  Promise.all(Array.from({ length: 3 }, () => stripe.paymentIntents.create(price)))

test('the account has so many requests a second, and the next second has them again', async (t) => {
  const { stripe, clock } = await start(t, { perSecond: 2 })
  await stripe.paymentIntents.create(price)
  await stripe.charges.list()
  await assert.rejects(stripe.refunds.list(), limited)
  assert.equal(await reasonOf(stripe.refunds.list()), 'global-rate')
  clock.advance(1_000)
  assert.deepEqual((await stripe.refunds.list()).data, [])
})

test('an endpoint has a number of its own, whatever the ids in its address', async (t) => {
  const simulator = await start(t, {
    endpointPerSecond: 3,
    endpoints: { [confirmation]: { perSecond: 2, concurrent: null } },
  })
  const { stripe } = simulator
  const [a, b, c] = await createThree(simulator)
  assert.ok(a && b && c)
  assert.equal(await reasonOf(stripe.paymentIntents.create(price)), 'endpoint-rate')
  await stripe.paymentIntents.confirm(a.id, card)
  await stripe.paymentIntents.confirm(b.id, card)
  assert.equal(await reasonOf(stripe.paymentIntents.confirm(c.id, card)), 'endpoint-rate')
  assert.equal((await stripe.paymentIntents.retrieve(c.id)).status, 'requires_payment_method')
})

test('a refused request is not kept by its key', async (t) => {
  const { stripe, clock } = await start(t, { perSecond: 1 })
  const options = { idempotencyKey: 'k-1' }
  await stripe.charges.list()
  await assert.rejects(stripe.paymentIntents.create(price, options), limited)
  clock.advance(1_000)
  const made = await stripe.paymentIntents.create(price, options)
  assert.equal(made.lastResponse.headers['idempotent-replayed'], undefined)
})

test('requests under way at once are counted until they are answered', async (t) => {
  const { stripe, script, clock } = await start(t, { concurrent: 1 })
  await script('PUT', 'faults', { latency: { minMs: 500, maxMs: 500, match: 'POST' } })
  const slow = stripe.paymentIntents.create(price)
  const reason = await reasonOf(
    (async () => {
      for (;;) await stripe.charges.list()
    })(),
  )
  assert.equal(reason, 'global-concurrency')
  clock.advance(500)
  await slow
  await stripe.charges.list()
})

test('one PaymentIntent has so many updates an hour', async (t) => {
  const { stripe, clock } = await start(t, { updatesPerIntentHour: 1 })
  const { id } = await stripe.paymentIntents.create(price)
  const declined = { payment_method: 'pm_card_chargeDeclined' }
  await assert.rejects(stripe.paymentIntents.confirm(id, declined), { statusCode: 402 })
  assert.equal(await reasonOf(stripe.paymentIntents.confirm(id, card)), 'resource-specific')
  assert.equal((await stripe.paymentIntents.retrieve(id)).id, id)
  clock.advance(3_600_000)
  assert.equal((await stripe.paymentIntents.confirm(id, card)).status, 'succeeded')
})

test('the log says how many were let in and refused in each second, by endpoint', async (t) => {
  const simulator = await start(t, {})
  const { stripe, script, clock } = simulator
  await createThree(simulator)
  clock.advance(1_000)
  await script('PUT', 'rate_limits', { perSecond: 1 })
  await stripe.charges.list()
  await assert.rejects(stripe.charges.list(), limited)
  const now = Math.floor(clock.now() / 1000)
  const report = await script('GET', 'requests')
  const creation = 'POST /v1/payment_intents'
  const listing = 'GET /v1/charges'
  assert.deepEqual(report, {
    accepted: 4,
    refused: 1,
    most: { account: 3, endpoints: { [creation]: 3, [listing]: 1 } },
    seconds: [
      {
        second: now - 1,
        accepted: 3,
        refused: 0,
        reasons: {},
        endpoints: { [creation]: { accepted: 3, refused: 0 } },
      },
      {
        second: now,
        accepted: 1,
        refused: 1,
        reasons: { 'global-rate': 1 },
        endpoints: { [listing]: { accepted: 1, refused: 1 } },
      },
    ],
  })
  assert.equal((await script('GET', `requests?since=${now}`)).accepted, 1)
  await script('DELETE', 'requests')
  assert.equal((await script('GET', 'requests')).accepted, 0)
})

test('a limit for an endpoint that there is not is refused', async (t) => {
  const { script } = await start(t, {})
  const endpoints = { 'POST /v1/payment_intent': { perSecond: 1 } }
  await assert.rejects(script('PUT', 'rate_limits', { endpoints }), /there is no POST/)
})

test('a script refuses the next ones: too many, locked, or a key in use', async (t) => {
  const { url, stripe, script } = await start(t, {})
  const options = { idempotencyKey: 'k-1' }
  await script('PUT', 'faults', {
    next: [
      { kind: 'rate_limited', reason: 'endpoint-concurrency' },
      { kind: 'lock_timeout' },
      { kind: 'key_in_use' },
    ],
  })
  const create = () => stripe.paymentIntents.create(price, options)
  assert.equal(await reasonOf(create()), 'endpoint-concurrency')
  const locked = await create().catch((error: Record<string, object>) => error)
  assert.equal(Object(locked).statusCode, 429)
  assert.equal(Object(locked).code, 'lock_timeout')
  assert.equal(Object(locked).headers['stripe-rate-limited-reason'], undefined)
  await assert.rejects(create(), { statusCode: 409, code: 'idempotency_key_in_use' })
  assert.equal((await create()).amount, 900)
  assert.equal((await stripeAt(url).paymentIntents.list()).data.length, 1)
})
