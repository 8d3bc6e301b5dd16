import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'usd' }
const unexpected = { statusCode: 400, code: 'payment_intent_unexpected_state' }

test('a PaymentIntent is changed until it is paid; its texts also afterwards', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { paymentIntents } = stripe
  const { id } = await paymentIntents.create({ ...price, metadata: { cart: 'c', kept: 'yes' } })
  const changed = await paymentIntents.update(id, {
    amount: 1500,
    description: 'Two pieces',
    receipt_email: 'a@example.com',
    metadata: { cart: '', checkout: 'k' },
    payment_method: 'pm_card_visa',
  })
  assert.equal(changed.status, 'requires_confirmation')
  assert.equal(changed.amount, 1500)
  assert.deepEqual({ ...changed.metadata }, { kept: 'yes', checkout: 'k' })
  const paid = await paymentIntents.confirm(id)
  assert.equal(paid.amount_received, 1500)
  await assert.rejects(paymentIntents.update(id, { amount: 1 }), {
    ...unexpected,
    message:
      /^This PaymentIntent's amount could not be updated because it has a status of succeeded/,
  })
  const later = await paymentIntents.update(id, { description: '', metadata: '' })
  assert.equal(later.description, null)
  assert.deepEqual({ ...later.metadata }, {})
  assert.equal(later.receipt_email, 'a@example.com')
  await assert.rejects(paymentIntents.update(id, { colour: 'red' } as object), {
    code: 'parameter_unknown',
    param: 'colour',
  })
})

test('a new price while the bank is asked takes the question back', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { paymentIntents } = stripe
  const payment_method = 'pm_card_authenticationRequired'
  const { id } = await paymentIntents.create({ ...price, confirm: true, payment_method })
  const changed = await paymentIntents.update(id, { amount: 901 })
  assert.equal(changed.status, 'requires_confirmation')
  assert.equal(changed.next_action, null)
  assert.equal((await paymentIntents.confirm(id)).status, 'requires_action')
})

test('without a page to come back to, Stripe.js asks the buyer; with one, the bank redirects', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const asking = { ...price, confirm: true, payment_method: 'pm_card_threeDSecure2Required' }
  const typeOf = async (more: object) => {
    const { next_action } = await stripe.paymentIntents.create({ ...asking, ...more })
    return next_action?.type
  }
  const return_url = 'https://shop.example/back'
  assert.equal(await typeOf({}), 'use_stripe_sdk')
  assert.equal(await typeOf({ return_url }), 'redirect_to_url')
  assert.equal(await typeOf({ return_url, use_stripe_sdk: true }), 'use_stripe_sdk')
  const asked = await stripe.paymentIntents.create(asking)
  const page = String(asked.next_action?.use_stripe_sdk?.stripe_js)
  assert.match(await (await fetch(page)).text(), /Approve/)
  await script('POST', `payment_intents/${asked.id}/authenticate`, { outcome: 'succeed' })
  assert.equal((await stripe.paymentIntents.retrieve(asked.id)).status, 'succeeded')
})

test('a customer is made, changed and named by payments', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const customer = await stripe.customers.create({
    email: 'a@example.com',
    metadata: { buyer: 'b-1' },
  })
  assert.match(customer.id, /^cus_/)
  const changed = await stripe.customers.update(customer.id, { name: 'Ada', email: '' })
  assert.deepEqual([changed.name, changed.email], ['Ada', null])
  const [event] = (await stripe.events.list({ type: 'customer.updated' })).data
  assert.deepEqual(event?.data.previous_attributes, { name: null, email: 'a@example.com' })
  const paid = await stripe.paymentIntents.create({
    ...price,
    customer: customer.id,
    confirm: true,
    payment_method: 'pm_card_visa',
    expand: ['customer', 'latest_charge'],
  })
  assert.equal((paid.customer as Stripe.Customer).name, 'Ada')
  assert.equal((paid.latest_charge as Stripe.Charge).amount, 900)
  await stripe.paymentIntents.create(price)
  const { data } = await stripe.paymentIntents.list({ customer: customer.id })
  assert.deepEqual(
    data.map(({ id }) => id),
    [paid.id],
  )
})
