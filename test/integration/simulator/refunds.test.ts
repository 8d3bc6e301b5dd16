import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { eventually } from '../../support/eventually.ts'
import { startTestSimulator } from '../../support/simulator.ts'

const pay = (stripe: Stripe, payment_method = 'pm_card_visa') =>
  stripe.paymentIntents.create({ amount: 1000, currency: 'eur', confirm: true, payment_method })

test('a payment is given back in parts, and never more than was paid', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const { id } = await pay(stripe)
  const part = await stripe.refunds.create({
    payment_intent: id,
    amount: 400,
    reason: 'requested_by_customer',
    metadata: { order: 'o-1' },
  })
  assert.match(part.id, /^re_/)
  assert.equal(part.status, 'succeeded')
  assert.equal(part.payment_intent, id)
  await assert.rejects(stripe.refunds.create({ payment_intent: id, amount: 601 }), {
    type: 'StripeInvalidRequestError',
    statusCode: 400,
    param: 'amount',
  })
  const rest = await stripe.refunds.create({ payment_intent: id, expand: ['charge'] })
  assert.equal(rest.amount, 600)
  const charge = rest.charge as Stripe.Charge
  assert.equal(charge.amount_refunded, 1000)
  assert.equal(charge.refunded, true)
  await assert.rejects(stripe.refunds.create({ payment_intent: id }), {
    code: 'charge_already_refunded',
  })
  assert.equal((await stripe.refunds.retrieve(part.id)).metadata?.order, 'o-1')
  const { money } = await script('GET', 'summary')
  assert.deepEqual(money, { eur: { captured: 1000, refunded: 1000 } })
})

test('what was not paid cannot be given back', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const open = await stripe.paymentIntents.create({ amount: 1000, currency: 'eur' })
  const refused = { type: 'StripeInvalidRequestError' }
  await assert.rejects(stripe.refunds.create({ payment_intent: open.id }), refused)
  await assert.rejects(stripe.refunds.create({ payment_intent: 'pi_unknown' }), {
    code: 'resource_missing',
  })
  await assert.rejects(stripe.refunds.create({}), { code: 'parameter_missing' })
  const paid = await pay(stripe)
  await assert.rejects(stripe.refunds.create({ payment_intent: paid.id, amount: 0 }), {
    param: 'amount',
  })
  assert.deepEqual((await stripe.refunds.list()).data, [])
})

test('a refund may take its time, or fail after it seemed done', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const slow = await pay(stripe, 'pm_card_pendingRefund')
  const pending = await stripe.refunds.create({ payment_intent: slow.id })
  assert.equal(pending.status, 'pending')
  await eventually(async () => (await stripe.refunds.retrieve(pending.id)).status === 'succeeded')
  const odd = await pay(stripe, 'pm_card_refundFail')
  const done = await stripe.refunds.create({ payment_intent: odd.id })
  assert.equal(done.status, 'succeeded')
  await script('POST', `refunds/${done.id}/settle`, { outcome: 'fail' })
  assert.equal((await stripe.refunds.retrieve(done.id)).status, 'failed')
  const charge = await stripe.charges.retrieve(String(odd.latest_charge))
  assert.equal(charge.amount_refunded, 0)
  const { data } = await stripe.events.list({ limit: 3 })
  assert.deepEqual(new Set(data.map(({ type }) => type)).has('refund.failed'), true)
})
