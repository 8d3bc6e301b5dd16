import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator, type TestSimulator } from '../../support/simulator.ts'

const pay = ({ stripe }: TestSimulator, payment_method = 'pm_card_visa', more: object = {}) =>
  stripe.paymentIntents.create({
    amount: 4200,
    currency: 'usd',
    confirm: true,
    payment_method,
    ...more,
  })

async function disputeOf({ stripe }: TestSimulator, { id }: Stripe.PaymentIntent) {
  const [dispute] = (await stripe.disputes.list({ payment_intent: id })).data
  assert.ok(dispute)
  return dispute
}

/** The events about disputes, from the oldest on, with the status that each tells. */
async function eventsOf({ stripe }: TestSimulator) {
  const { data } = await stripe.events.list({ type: 'charge.dispute.*', limit: 100 })
  return data.map(({ type, data }) => [type.slice(15), Object(data.object).status]).reverse()
}

test('a chargeback takes the money and a fee, and forbids a refund', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe } = simulator
  const paid = await pay(simulator, 'pm_card_createDispute')
  assert.equal(paid.status, 'succeeded')
  const dispute = await disputeOf(simulator, paid)
  assert.match(dispute.id, /^du_/)
  assert.equal(dispute.charge, paid.latest_charge)
  assert.equal(dispute.amount, 4200)
  assert.equal(dispute.reason, 'fraudulent')
  assert.equal(dispute.is_charge_refundable, false)
  assert.equal(dispute.payment_method_details?.card?.case_type, 'chargeback')
  assert.deepEqual(
    dispute.balance_transactions.map(({ amount, fee, net }) => [amount, fee, net]),
    [[-4200, 1500, -5700]],
  )
  assert.equal((await stripe.charges.retrieve(String(paid.latest_charge))).disputed, true)
  await assert.rejects(stripe.refunds.create({ payment_intent: paid.id }), {
    code: 'charge_disputed',
    message: `Charge ${paid.latest_charge} has been charged back; cannot issue a refund.`,
  })
  assert.deepEqual(await eventsOf(simulator), [
    ['created', 'needs_response'],
    ['funds_withdrawn', 'needs_response'],
  ])
})

test('evidence wins a dispute, and the money comes back', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe } = simulator
  const paid = await pay(simulator, 'pm_card_createDisputeProductNotReceived')
  const { id } = await disputeOf(simulator, paid)
  const draft = await stripe.disputes.update(id, {
    evidence: { shipping_carrier: 'Sail' },
    submit: false,
  })
  assert.equal(draft.status, 'needs_response')
  assert.equal(draft.evidence_details.has_evidence, true)
  await assert.rejects(stripe.disputes.update(id, { evidence: { colour: 'red' } as object }), {
    code: 'parameter_unknown',
    param: 'evidence[colour]',
  })
  const won = await stripe.disputes.update(id, {
    evidence: { uncategorized_text: 'winning_evidence' },
  })
  assert.equal(won.status, 'won')
  assert.equal(won.evidence.shipping_carrier, 'Sail')
  assert.deepEqual(
    won.balance_transactions.map(({ net }) => net),
    [-5700, 4200],
  )
  await assert.rejects(stripe.disputes.close(id), { statusCode: 400 })
  assert.deepEqual(await eventsOf(simulator), [
    ['created', 'needs_response'],
    ['funds_withdrawn', 'needs_response'],
    ['updated', 'needs_response'],
    ['updated', 'under_review'],
    ['closed', 'won'],
    ['funds_reinstated', 'won'],
  ])
  assert.equal((await stripe.refunds.create({ payment_intent: paid.id })).amount, 4200)
})

test('an inquiry takes no money until it is escalated, and may end without', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const paid = await pay(simulator, 'pm_card_createDisputeInquiry')
  const { id, status, balance_transactions } = await disputeOf(simulator, paid)
  assert.equal(status, 'warning_needs_response')
  assert.deepEqual(balance_transactions, [])
  await stripe.refunds.create({ payment_intent: paid.id, amount: 200 })
  await script('POST', `disputes/${id}/settle`, { outcome: 'escalate' })
  const escalated = await stripe.disputes.retrieve(id, { expand: ['charge'] })
  assert.equal(escalated.payment_method_details?.card?.case_type, 'chargeback')
  assert.equal((escalated.charge as Stripe.Charge).amount_refunded, 200)
  await stripe.disputes.close(id)
  const asked = await pay(simulator, 'pm_card_createDisputeInquiry')
  const question = await disputeOf(simulator, asked)
  await script('POST', `disputes/${question.id}/settle`, { outcome: 'close' })
  assert.deepEqual(await eventsOf(simulator), [
    ['created', 'warning_needs_response'],
    ['updated', 'needs_response'],
    ['funds_withdrawn', 'needs_response'],
    ['closed', 'lost'],
    ['created', 'warning_needs_response'],
    ['closed', 'warning_closed'],
  ])
})

test('any payment is disputed by a script, and a captured one only when it is captured', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const plain = await pay(simulator)
  const made = await script('POST', `payment_intents/${plain.id}/dispute`, {
    reason: 'duplicate',
    amount: 100,
  })
  assert.equal(made.amount, 100)
  assert.equal((await disputeOf(simulator, plain)).reason, 'duplicate')
  const held = await pay(simulator, 'pm_card_createMultipleDisputes', { capture_method: 'manual' })
  const ofHeld = async () => (await stripe.disputes.list({ payment_intent: held.id })).data.length
  assert.equal(await ofHeld(), 0)
  await assert.rejects(script('POST', `payment_intents/${held.id}/dispute`), /cannot be disputed/)
  await stripe.paymentIntents.capture(held.id)
  assert.equal(await ofHeld(), 2)
})

test('an issuer warns of fraud, and a full refund leaves nothing to do', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe } = simulator
  const paid = await pay(simulator, 'pm_card_createIssuerFraudRecord')
  const of = { payment_intent: paid.id }
  const [warning] = (await stripe.radar.earlyFraudWarnings.list(of)).data
  assert.ok(warning)
  assert.equal(warning.actionable, true)
  assert.equal(warning.charge, paid.latest_charge)
  await stripe.refunds.create(of)
  assert.equal((await stripe.radar.earlyFraudWarnings.retrieve(warning.id)).actionable, false)
  const { data } = await stripe.events.list({ type: 'radar.*' })
  assert.deepEqual(
    data.map(({ type, data }) => [type, Object(data.previous_attributes).actionable]),
    [
      ['radar.early_fraud_warning.updated', true],
      ['radar.early_fraud_warning.created', undefined],
    ],
  )
})

test('an elevated risk is reviewed: approved by hand, or ended by a refund', async (t) => {
  const simulator = await startTestSimulator(t)
  const { stripe, script } = simulator
  const open = async () => {
    const paid = await pay(simulator, 'pm_card_riskLevelElevated')
    const charge = await stripe.charges.retrieve(String(paid.latest_charge))
    assert.equal(charge.outcome?.risk_level, 'elevated')
    assert.equal(charge.review, paid.review)
    const review = await stripe.reviews.retrieve(String(paid.review))
    assert.equal(review.open, true)
    return { paid, id: review.id }
  }
  const first = await open()
  const approved = await stripe.reviews.approve(first.id)
  assert.equal(approved.closed_reason, 'approved')
  const second = await open()
  await stripe.refunds.create({ payment_intent: second.paid.id, reason: 'fraudulent' })
  const third = await open()
  await script('POST', `payment_intents/${third.paid.id}/dispute`)
  const fourth = await open()
  await script('POST', `reviews/${fourth.id}/close`, { reason: 'refunded' })
  const reasons = (await stripe.reviews.list()).data.map(({ closed_reason }) => closed_reason)
  assert.deepEqual(reasons, ['refunded', 'disputed', 'refunded_as_fraud', 'approved'])
  const { data } = await stripe.events.list({ type: 'review.closed' })
  assert.equal(data.length, 4)
})
