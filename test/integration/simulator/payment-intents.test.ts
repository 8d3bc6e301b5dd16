import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 1999, currency: 'usd' } as const
const bySurprise = { type: 'StripeInvalidRequestError', statusCode: 400 } as const
const unexpected = { ...bySurprise, code: 'payment_intent_unexpected_state' } as const

test('a PaymentIntent is created, confirmed with a card that works, and paid', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const metadata = { checkout: 'c-1', 'with space & more': 'ü=1' }
  const created = await stripe.paymentIntents.create({ ...price, metadata })
  assert.match(created.id, /^pi_[0-9A-Za-z]{24}$/)
  assert.equal(created.status, 'requires_payment_method')
  assert.ok(created.client_secret?.startsWith(`${created.id}_secret_`))
  assert.deepEqual({ ...created.metadata }, metadata)
  const paid = await stripe.paymentIntents.confirm(created.id, {
    payment_method: 'pm_card_visa',
    expand: ['latest_charge'],
  })
  assert.equal(paid.status, 'succeeded')
  assert.equal(paid.amount_received, 1999)
  const charge = paid.latest_charge as Stripe.Charge
  assert.match(charge.id, /^ch_/)
  assert.equal(charge.paid && charge.captured, true)
  assert.equal(charge.amount_captured, 1999)
  const again = await stripe.paymentIntents.retrieve(created.id)
  assert.equal(again.latest_charge, charge.id)
  assert.equal((await stripe.charges.retrieve(charge.id)).payment_intent, created.id)
})

test('confirm=true creates and pays in one call', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const paid = await stripe.paymentIntents.create({
    ...price,
    confirm: true,
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  })
  assert.equal(paid.status, 'succeeded')
})

test('a declined card is a 402 with its reason, and the PaymentIntent takes another card', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const { id } = await stripe.paymentIntents.create(price)
  const declines = [
    ['pm_card_chargeDeclined', 'generic_decline'],
    ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds'],
  ] as const
  for (const [card, reason] of declines) {
    const error = await stripe.paymentIntents.confirm(id, { payment_method: card }).then(
      () => assert.fail('paid'),
      (thrown: Stripe.errors.StripeCardError) => thrown,
    )
    assert.equal(error.type, 'StripeCardError')
    assert.equal(error.statusCode, 402)
    assert.equal(error.code, 'card_declined')
    assert.equal(error.decline_code, reason)
    assert.match(error.charge ?? '', /^ch_/)
    assert.equal(error.payment_intent?.status, 'requires_payment_method')
    assert.equal(error.payment_intent?.last_payment_error?.decline_code, reason)
    assert.equal(error.payment_method?.card?.brand, 'visa')
  }
  const before = await stripe.paymentIntents.retrieve(id)
  assert.equal(before.payment_method, null)
  const failed = await stripe.charges.retrieve(String(before.latest_charge))
  assert.equal(failed.status, 'failed')
  assert.equal(failed.outcome?.reason, 'insufficient_funds')
  const paid = await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })
  assert.equal(paid.last_payment_error, null)
  const tally = await script('GET', `payment_intents/${id}`)
  assert.deepEqual(
    { attempted: tally.attempted, succeeded: tally.succeeded, failed: tally.failed },
    { attempted: 3, succeeded: 1, failed: 2 },
  )
})

test('a decline while creating is a 402 with the PaymentIntent, also when it is asked again', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const card = { confirm: true, payment_method: 'pm_card_chargeDeclined' }
  const metadata = { checkout: 'c-1' }
  const ids = new Set<string>()
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await stripe.paymentIntents
      .create({ ...price, ...card, metadata }, { idempotencyKey: 'k-1' })
      .then(
        () => assert.fail('paid'),
        (thrown: Stripe.errors.StripeCardError) => thrown,
      )
    assert.equal(error.statusCode, 402)
    assert.equal(error.payment_intent?.status, 'requires_payment_method')
    assert.deepEqual({ ...error.payment_intent?.metadata }, metadata)
    ids.add(error.payment_intent?.id ?? '')
  }
  const { data } = await stripe.paymentIntents.list()
  assert.deepEqual(new Set(data.map(({ id }) => id)), ids)
  assert.equal(data[0]?.status, 'requires_payment_method')
})

test('who cannot ask the buyer is told so, and may try another card', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const asking = { confirm: true, payment_method: 'pm_card_authenticationRequired' }
  const failure = { statusCode: 402, code: 'authentication_required' }
  await assert.rejects(
    stripe.paymentIntents.create({ ...price, ...asking, error_on_requires_action: true }),
    { ...failure, decline_code: 'authentication_not_handled' },
  )
  await assert.rejects(stripe.paymentIntents.create({ ...price, ...asking, off_session: true }), {
    ...failure,
    decline_code: 'authentication_required',
  })
  const { data } = await stripe.paymentIntents.list()
  assert.deepEqual(
    data.map(({ status }) => status),
    ['requires_payment_method', 'requires_payment_method'],
  )
})

test('a bank that wants the buyer gets a yes or a no', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const card = { confirm: true, payment_method: 'pm_card_authenticationRequired' }
  for (const outcome of ['succeed', 'fail'] as const) {
    const asked = await stripe.paymentIntents.create({ ...price, ...card })
    assert.equal(asked.status, 'requires_action')
    assert.equal(asked.next_action?.type, 'use_stripe_sdk')
    assert.equal(asked.latest_charge, null)
    await script('POST', `payment_intents/${asked.id}/authenticate`, { outcome })
    const answered = await stripe.paymentIntents.retrieve(asked.id)
    assert.equal(answered.status, outcome === 'succeed' ? 'succeeded' : 'requires_payment_method')
    assert.equal(
      answered.last_payment_error?.code,
      outcome === 'succeed' ? undefined : 'payment_intent_authentication_failure',
    )
    assert.equal(answered.next_action, null)
    await assert.rejects(
      script('POST', `payment_intents/${asked.id}/authenticate`, { outcome }),
      /payment_intent_unexpected_state/,
    )
  }
})

test('a buyer who is not there cannot be asked', async (t) => {
  const { stripe } = await startTestSimulator(t)
  await assert.rejects(
    stripe.paymentIntents.create({
      ...price,
      confirm: true,
      off_session: true,
      payment_method: 'pm_card_authenticationRequired',
    }),
    { statusCode: 402, code: 'authentication_required' },
  )
})

test('money is set aside, and captured whole, in part or not at all', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const held = async () => {
    const intent = await stripe.paymentIntents.create({
      ...price,
      capture_method: 'manual',
      confirm: true,
      payment_method: 'pm_card_visa',
    })
    assert.equal(intent.status, 'requires_capture')
    assert.equal(intent.amount_capturable, 1999)
    assert.equal(intent.amount_received, 0)
    return intent.id
  }
  const whole = await stripe.paymentIntents.capture(await held())
  assert.equal(whole.amount_received, 1999)
  const id = await held()
  await assert.rejects(stripe.paymentIntents.capture(id, { amount_to_capture: 2000 }), {
    ...bySurprise,
    code: 'amount_too_large',
  })
  const part = await stripe.paymentIntents.capture(id, { amount_to_capture: 500 })
  assert.equal(part.status, 'succeeded')
  assert.equal(part.amount_received, 500)
  const none = await stripe.paymentIntents.cancel(await held(), {
    cancellation_reason: 'abandoned',
    expand: ['latest_charge'],
  })
  assert.equal(none.status, 'canceled')
  assert.equal(none.cancellation_reason, 'abandoned')
  assert.equal((none.latest_charge as Stripe.Charge).refunded, true)
})

test('a bank debit is processed first, and then paid or not', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const debit = { confirm: true, payment_method: 'pm_usBankAccount_processing' }
  for (const outcome of ['succeed', 'fail'] as const) {
    const intent = await stripe.paymentIntents.create({ ...price, ...debit })
    assert.equal(intent.status, 'processing')
    await script('POST', `payment_intents/${intent.id}/settle`, { outcome })
    const settled = await stripe.paymentIntents.retrieve(intent.id)
    assert.equal(settled.status, outcome === 'succeed' ? 'succeeded' : 'requires_payment_method')
    assert.equal(settled.amount_received, outcome === 'succeed' ? 1999 : 0)
  }
})

test('a step that the status does not allow is refused and changes nothing', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { paymentIntents } = stripe
  const card = { payment_method: 'pm_card_visa' }
  const open = await paymentIntents.create(price)
  await assert.rejects(paymentIntents.confirm(open.id), unexpected)
  await assert.rejects(paymentIntents.capture(open.id), unexpected)
  const paid = await paymentIntents.create({ ...price, ...card, confirm: true })
  await assert.rejects(paymentIntents.confirm(paid.id, card), unexpected)
  await assert.rejects(paymentIntents.capture(paid.id), unexpected)
  const error = await paymentIntents.cancel(paid.id).catch((thrown: unknown) => thrown)
  assert.equal((error as Stripe.errors.StripeError).payment_intent?.status, 'succeeded')
  await paymentIntents.cancel(open.id)
  await assert.rejects(paymentIntents.cancel(open.id), unexpected)
  await assert.rejects(paymentIntents.confirm(open.id, card), unexpected)
  assert.equal((await paymentIntents.retrieve(paid.id)).status, 'succeeded')
})

test('what cannot be used is refused by name', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const { paymentIntents } = stripe
  const refused = (params: object, expected: object) =>
    assert.rejects(paymentIntents.create({ ...price, ...params }), { ...bySurprise, ...expected })
  await refused({ amount: 0 }, { param: 'amount', code: 'parameter_invalid_integer' })
  await refused({ amount: -5 }, { param: 'amount' })
  await refused({ amount: 10.5 }, { param: 'amount' })
  await refused({ amount: 100_000_000 }, { param: 'amount', code: 'amount_too_large' })
  await refused(
    { amount: 49 },
    {
      ...{ param: 'amount', code: 'amount_too_small' },
      message: 'Amount must be at least $0.50 usd',
    },
  )
  await refused({ amount: 49, currency: 'jpy' }, { param: 'amount', code: 'amount_too_small' })
  await refused({ amount: 17_499, currency: 'HUF' }, { param: 'amount', code: 'amount_too_small' })
  await refused({ amount: 5_050, currency: 'isk' }, { param: 'amount' })
  await refused({ currency: 'dollars' }, { param: 'currency' })
  await refused(
    { currency: 'xxx' },
    { param: 'currency', message: /supports these currencies: aed/ },
  )
  await refused({ currency: '' }, { param: 'currency', code: 'parameter_missing' })
  await refused({ capture_method: 'later' }, { param: 'capture_method' })
  await refused(
    { payment_method_options: { card: { restrictions: { brands_blocked: ['visa'] } } } },
    { param: 'payment_method_options[card][restrictions]', code: 'parameter_unknown' },
  )
  await refused(
    { shipping: { name: 'A', address: { line1: 'B', town: 'C' } } },
    { param: 'shipping[address][town]', code: 'parameter_unknown' },
  )
  await refused({ customer: 'cus_unknown' }, { param: 'customer', code: 'resource_missing' })
  await refused({ amout: 5 }, { param: 'amout', code: 'parameter_unknown' })
  await refused({ metadata: { long: 'x'.repeat(501) } }, { param: 'metadata' })
  await refused({ expand: ['colour'] }, { param: 'expand' })
  await refused({ confirm: true }, { param: 'payment_method' })
  await refused(
    { payment_method: 'pm_unknown' },
    { param: 'payment_method', code: 'resource_missing' },
  )
  assert.deepEqual((await paymentIntents.list()).data, [])
  await assert.rejects(paymentIntents.retrieve('pi_unknown'), {
    statusCode: 404,
    code: 'resource_missing',
  })
})
