import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { paymentMethodNames } from '../../../dev/simulator/payment-methods.ts'
import { eventually } from '../../support/eventually.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'eur', confirm: true }
const refusalOf = (stripe: Stripe, payment_method: string) =>
  stripe.paymentIntents.create({ ...price, payment_method, expand: ['latest_charge'] }).then(
    () => assert.fail(`${payment_method} paid`),
    (thrown: Stripe.errors.StripeCardError) => thrown,
  )

const declined = [
  ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
  ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', ''],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', ''],
  ['pm_card_chargeDeclinedProcessingError', 'processing_error', ''],
  ['pm_card_chargeCustomerFail', 'card_declined', 'generic_decline'],
  ['pm_card_radarBlock', 'card_declined', 'fraudulent'],
  ['pm_card_riskLevelHighest', 'card_declined', 'fraudulent'],
] as const

test('each card that is declined says why', async (t) => {
  const { stripe } = await startTestSimulator(t)
  for (const [card, code, declineCode] of declined) {
    const error = await refusalOf(stripe, card)
    assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, code, declineCode])
    assert.equal(error.payment_intent?.status, 'requires_payment_method')
  }
})

test('a payment that Radar blocks never reaches the bank', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { charge } = await refusalOf(stripe, 'pm_card_radarBlock')
  const { outcome, fraud_details } = await stripe.charges.retrieve(charge ?? '')
  assert.equal(outcome?.type, 'blocked')
  assert.equal(outcome?.network_status, 'not_sent_to_network')
  assert.equal(outcome?.risk_level, 'highest')
  assert.equal(fraud_details?.stripe_report, 'fraudulent')
})

test('a charge names brand, country and last four digits of its card', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const cards = [
    ['pm_card_visa', 'visa', '4242', 'US'],
    ['pm_card_mastercard', 'mastercard', '4444', 'US'],
    ['pm_card_amex', 'amex', '8431', 'US'],
    ['pm_card_discover', 'discover', '1117', 'US'],
    ['pm_card_de', 'visa', '0016', 'DE'],
  ] as const
  for (const [payment_method, brand, last4, country] of cards) {
    const paid = await stripe.paymentIntents.create({
      ...price,
      payment_method,
      expand: ['latest_charge'],
    })
    const { card } = (paid.latest_charge as Stripe.Charge).payment_method_details ?? {}
    assert.deepEqual([card?.brand, card?.last4, card?.country], [brand, last4, country])
  }
})

test('a bank that asks may still decline, and some do not ask about a buyer who is away', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const asked = await stripe.paymentIntents.create({
    ...price,
    payment_method: 'pm_card_threeDSecureRequiredChargeDeclined',
  })
  assert.equal(asked.status, 'requires_action')
  await script('POST', `payment_intents/${asked.id}/authenticate`, { outcome: 'succeed' })
  const after = await stripe.paymentIntents.retrieve(asked.id)
  assert.equal(after.last_payment_error?.decline_code, 'generic_decline')
  const saved = { ...price, payment_method: 'pm_card_authenticationRequiredSetupForOffSession' }
  assert.equal((await stripe.paymentIntents.create(saved)).status, 'requires_action')
  const away = await stripe.paymentIntents.create({ ...saved, off_session: true })
  assert.equal(away.status, 'succeeded')
})

test('debits are processed, and then paid, refused or disputed', async (t) => {
  const clock = manualClock()
  const { stripe } = await startTestSimulator(t, { clock })
  const start = (payment_method: string) =>
    stripe.paymentIntents.create({ ...price, payment_method })
  const names = [
    'pm_usBankAccount_success',
    'pm_usBankAccount_insufficientFunds',
    'pm_sepaDebit_success_de',
    'pm_sepaDebit_failed_at',
    'pm_sepaDebit_disputed_fr',
    'pm_usBankAccount_processing',
    'pm_sepaDebit_successDelayed_de',
  ]
  const ids: string[] = []
  for (const name of names) {
    const { id, status } = await start(name)
    assert.equal(status, 'processing')
    ids.push(id)
  }
  const statuses = () =>
    Promise.all(ids.map(async (id) => (await stripe.paymentIntents.retrieve(id)).status))
  clock.advance(1_000)
  const [failed, paid] = ['requires_payment_method', 'succeeded']
  const soon = [paid, failed, paid, failed, paid, 'processing', 'processing']
  await eventually(async () => assert.deepEqual(await statuses(), soon))
  clock.advance(180_000)
  await eventually(async () => assert.deepEqual(await statuses(), soon.with(6, 'succeeded')))
  const { data } = await stripe.charges.list({ payment_intent: ids[3] ?? '' })
  assert.equal(data[0]?.failure_code, 'insufficient_funds')
  assert.equal(data[0]?.payment_method_details?.sepa_debit?.country, 'AT')
  assert.equal((await stripe.disputes.list()).data.length, 1)
})

test('every payment method that there is can be tried', async (t) => {
  const { stripe } = await startTestSimulator(t)
  for (const payment_method of paymentMethodNames()) {
    const answer = await stripe.paymentIntents
      .create({ ...price, payment_method })
      .catch(({ payment_intent }: { payment_intent: Stripe.PaymentIntent }) => payment_intent)
    assert.equal(answer?.object, 'payment_intent', payment_method)
  }
})
