import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator, type TestSimulator } from '../../support/simulator.ts'

const pay = ({ stripe }: TestSimulator, payment_method = 'pm_card_visa') =>
  stripe.paymentIntents.create({ amount: 1000, currency: 'usd', confirm: true, payment_method })
const chargeOf = ({ stripe }: TestSimulator, { latest_charge }: Stripe.PaymentIntent) =>
  stripe.charges.retrieve(String(latest_charge))

/** The events from the oldest on, without those of the payment. */
async function eventsOf({ stripe }: TestSimulator): Promise<Stripe.Event[]> {
  const { data } = await stripe.events.list({ limit: 100 })
  return data.filter(({ type }) => !type.startsWith('payment_intent.')).reverse()
}

test('a refund begun elsewhere is told by events, and counts like one of the shop', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const paid = await pay(simulator)
  const part = await script('POST', `payment_intents/${paid.id}/refund`, { amount: 300 })
  assert.equal(part.object, 'refund')
  const events = await eventsOf(simulator)
  assert.deepEqual(
    events.map(({ type, request }) => [type, request?.id]),
    [
      ['refund.created', null],
      ['charge.refunded', null],
    ],
  )
  const told = events[1]?.data
  assert.equal(Object(told?.object).amount_refunded, 300)
  assert.deepEqual(told?.previous_attributes, { amount_refunded: 0 })
  await assert.rejects(stripe.refunds.create({ payment_intent: paid.id, amount: 701 }), {
    statusCode: 400,
    param: 'amount',
    message: 'Refund amount ($7.01) is greater than unrefunded amount on charge ($7.00)',
  })
  await script('POST', `payment_intents/${paid.id}/refund`)
  const refunds = await stripe.refunds.list({ payment_intent: paid.id })
  assert.deepEqual(
    refunds.data.map(({ amount }) => amount),
    [700, 300],
  )
  await assert.rejects(stripe.refunds.create({ payment_intent: paid.id }), {
    code: 'charge_already_refunded',
    message: `Charge ${paid.latest_charge} has already been refunded.`,
  })
})

test('a refund that fails after it succeeded gives the charge its money back', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const paid = await pay(simulator)
  const { id } = await stripe.refunds.create({ payment_intent: paid.id })
  const failureReason = 'lost_or_stolen_card'
  await script('POST', `refunds/${id}/settle`, { outcome: 'fail', failureReason })
  const failed = await stripe.refunds.retrieve(id)
  assert.equal(failed.status, 'failed')
  assert.equal(failed.failure_reason, failureReason)
  assert.equal((await chargeOf(simulator, paid)).refunded, false)
  const events = await eventsOf(simulator)
  assert.deepEqual(
    events.map(({ type }) => type),
    [
      'refund.created',
      'charge.refunded',
      'charge.refund.updated',
      'refund.updated',
      'refund.failed',
    ],
  )
  const updated = events.find(({ type }) => type === 'refund.updated')
  assert.deepEqual(updated?.data.previous_attributes, { status: 'succeeded', failure_reason: null })
  const again = await stripe.refunds.create({ payment_intent: paid.id })
  assert.equal(again.amount, 1000)
  await assert.rejects(script('POST', `refunds/${id}/settle`, { outcome: 'succeed' }), /failed/)
})

test('only a refund that requires an action is canceled', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const paid = await pay(simulator, 'pm_card_pendingRefund')
  const { id } = await stripe.refunds.create({ payment_intent: paid.id, amount: 400 })
  await assert.rejects(stripe.refunds.cancel(id), { statusCode: 400, message: /status of pending/ })
  await script('POST', `refunds/${id}/settle`, { outcome: 'require_action' })
  assert.equal((await stripe.refunds.cancel(id)).status, 'canceled')
  assert.equal((await chargeOf(simulator, paid)).amount_refunded, 0)
  assert.equal((await stripe.refunds.create({ payment_intent: paid.id })).amount, 1000)
})

test('the metadata of a refund is changed, key by key', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe } = simulator
  const paid = await pay(simulator)
  const metadata = { order: 'o-1', kept: 'yes' }
  const { id } = await stripe.refunds.create({ payment_intent: paid.id, metadata })
  await stripe.refunds.update(id, { metadata: { order: '', more: '1' } })
  const after = await stripe.refunds.retrieve(id)
  assert.deepEqual({ ...after.metadata }, { kept: 'yes', more: '1' })
  const updated = (await eventsOf(simulator)).at(-1)
  assert.deepEqual(updated?.data.previous_attributes, { metadata: { order: 'o-1', more: null } })
  await stripe.refunds.update(id, { metadata: '' })
  assert.deepEqual({ ...(await stripe.refunds.retrieve(id)).metadata }, {})
})
