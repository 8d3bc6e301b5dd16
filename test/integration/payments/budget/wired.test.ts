// Where the budget is connected: which limits hold by default, and that calls of a shop count against them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { loadConfig } from '../../../../src/config/config.ts'
import { requestLimitsOf } from '../../../../src/system/shared.ts'
import { startPayingSystem } from '../../../support/paying.ts'

const counted = '{budget}:at:payment_intents:log'

test('the limits are those of Stripe when there is a key, and none for the simulator', () => {
  const limitsOf = (settings: Record<string, string>) => requestLimitsOf(loadConfig(settings))
  const key = { STRIPE_SECRET_KEY: 'sk_test_of_somebody' }
  assert.deepEqual(limitsOf({}), { account: 0, endpoint: 0 })
  assert.deepEqual(limitsOf(key), { account: 100, endpoint: 25 })
  assert.deepEqual(limitsOf({ ...key, STRIPE_REQUESTS_PER_SECOND: '500' }), {
    account: 500,
    endpoint: 25,
  })
  assert.deepEqual(limitsOf({ STRIPE_REQUESTS_PER_ENDPOINT: '7' }), { account: 0, endpoint: 7 })
})

test('a shop counts the calls of its buyers, and serves those who come together', async (t) => {
  const shop = await startPayingSystem(t, { settings: { STRIPE_REQUESTS_PER_ENDPOINT: '10' } })
  const bought = await Promise.all([1, 2, 3].map(() => shop.reserve()))
  const answers = await Promise.all(bought.map((each) => shop.confirm(each)))
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body.status]),
    bought.map(() => [200, 'confirmed']),
  )
  // Two processes may count the same place; each place is driven once.
  const asked = Number(await shop.redis.llen(counted))
  assert.ok(asked >= 3 && asked <= 6, `${asked} calls were counted`)
})

test('a shop without limits counts nothing', async (t) => {
  const none = { STRIPE_REQUESTS_PER_SECOND: '0', STRIPE_REQUESTS_PER_ENDPOINT: '0' }
  const shop = await startPayingSystem(t, { settings: none })
  assert.equal((await shop.confirm(await shop.reserve())).status, 200)
  assert.equal(await shop.redis.exists(counted), 0)
})
