// Parameters about the purchase are checked as Stripe checks them.
import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'eur' } as const
const paid = { ...price, payment_method: 'pm_card_visa', confirm: true } as const

test('parameters that Stripe refuses are refused, each by its name', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const dynamic = { automatic_payment_methods: { enabled: true } }
  const refused: readonly (readonly [object, string])[] = [
    [{ statement_descriptor_suffix: '1234' }, 'statement_descriptor_suffix'],
    [{ statement_descriptor_suffix: 'ORDER*1' }, 'statement_descriptor_suffix'],
    [{ statement_descriptor_suffix: 'ÖRDER 1' }, 'statement_descriptor_suffix'],
    [{ statement_descriptor_suffix: 'O'.repeat(23) }, 'statement_descriptor_suffix'],
    [{ statement_descriptor: 'SHOP' }, 'statement_descriptor'],
    [{ receipt_email: 'nobody' }, 'receipt_email'],
    [{ shipping: { name: 'B' } }, 'shipping[address]'],
    [{ shipping: { address: { line1: 'x' } } }, 'shipping[name]'],
    [{ shipping: { name: 'B', address: { street: 'x' } } }, 'shipping[address][street]'],
    [{ radar_options: { ip: '1.2.3.4' } }, 'radar_options[ip]'],
    [{ payment_method_types: ['card'] }, 'payment_method_types'],
    [{ ...dynamic, allowed_payment_method_types: ['card'] }, 'allowed_payment_method_types'],
  ]
  for (const [more, param] of refused) {
    const create = stripe.paymentIntents.create({ ...paid, ...more } as typeof paid)
    await assert.rejects(create, (error: Stripe.errors.StripeError) => {
      assert.deepEqual([error.statusCode, error.param], [400, param])
      return true
    })
  }
  assert.equal((await stripe.paymentIntents.list()).data.length, 0)
})

test('a payment method of an excluded type is refused, at the making and later', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const excluding = { ...price, excluded_payment_method_types: ['us_bank_account'] }
  const debit = { payment_method: 'pm_usBankAccount_success' }
  const incompatible = { code: 'payment_intent_incompatible_payment_method', statusCode: 400 }
  const made = stripe.paymentIntents.create({ ...excluding, ...debit, confirm: true })
  await assert.rejects(made, incompatible)
  const intent = await stripe.paymentIntents.create(excluding)
  assert.deepEqual(intent.excluded_payment_method_types, ['us_bank_account'])
  await assert.rejects(stripe.paymentIntents.confirm(intent.id, debit), incompatible)
  const card = { payment_method: 'pm_card_visa' }
  assert.equal((await stripe.paymentIntents.confirm(intent.id, card)).status, 'succeeded')
})

test('the payment method is written out where it is asked for, also when a key repeats it', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const pay = () =>
    stripe.paymentIntents.create(
      { ...paid, expand: ['payment_method', 'latest_charge'], statement_descriptor_suffix: 'NO 7' },
      { idempotencyKey: 'k' },
    )
  for (const answer of [await pay(), await pay()]) {
    const { payment_method: method, latest_charge: charge } = answer
    assert.ok(typeof method === 'object' && typeof charge === 'object')
    assert.deepEqual([method?.id, method?.card?.last4], ['pm_card_visa', '4242'])
    assert.equal(charge?.calculated_statement_descriptor, 'SLUICE* NO 7')
  }
})
