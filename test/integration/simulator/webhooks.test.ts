import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { eventually } from '../../support/eventually.ts'
import { startReceiver, startTestSimulator, type TestReceiver } from '../../support/simulator.ts'

const secret = 'whsec_of_the_tests'
const create = (stripe: Stripe, payment_method = 'pm_card_visa') =>
  stripe.paymentIntents.create({ amount: 700, currency: 'usd', confirm: true, payment_method })
const types = ({ received }: TestReceiver) => received.map(({ event }) => event.type)

async function startBoth(t: Parameters<typeof startReceiver>[0]) {
  const receiver = await startReceiver(t)
  const simulator = await startTestSimulator(t, { webhook: { url: receiver.url, secret } })
  const behave = (behaviour: object) => simulator.script('PUT', 'webhooks', { behaviour })
  const arrived = (count: number) => eventually(() => receiver.received.length >= count)
  return { ...simulator, receiver, behave, arrived }
}

test('events arrive signed, with the object as it was', async (t) => {
  const { stripe, receiver, arrived } = await startBoth(t)
  const paid = await create(stripe)
  await arrived(2)
  for (const { raw, headers } of receiver.received) {
    const header = String(headers['stripe-signature'])
    const event = stripe.webhooks.constructEvent(raw, header, secret)
    assert.match(event.id, /^evt_/)
    assert.equal(event.api_version, '2026-10-28.endive')
    assert.throws(() => stripe.webhooks.constructEvent(raw, header, 'whsec_other'))
    assert.throws(() => stripe.webhooks.constructEvent(`${raw} `, header, secret))
  }
  const byType = new Map(receiver.received.map(({ event }) => [event.type, event]))
  const before = byType.get('payment_intent.created')?.data.object as Stripe.PaymentIntent
  const after = byType.get('payment_intent.succeeded')?.data.object as Stripe.PaymentIntent
  assert.equal(before.status, 'requires_confirmation')
  assert.deepEqual({ ...after }, { ...paid })
})

test('every step has its event', async (t) => {
  const { stripe, script, receiver, arrived } = await startBoth(t)
  await assert.rejects(create(stripe, 'pm_card_chargeDeclined'))
  const asked = await create(stripe, 'pm_card_authenticationRequired')
  await script('POST', `payment_intents/${asked.id}/authenticate`, { outcome: 'succeed' })
  await stripe.refunds.create({ payment_intent: asked.id })
  const debit = await create(stripe, 'pm_usBankAccount_processing')
  await stripe.paymentIntents.cancel(debit.id)
  const slow = await create(stripe, 'pm_card_pendingRefund')
  const refund = await stripe.refunds.create({ payment_intent: slow.id })
  await script('POST', `refunds/${refund.id}/settle`, { outcome: 'succeed' })
  await arrived(15)
  const counts = Object.fromEntries(
    [...Map.groupBy(types(receiver), (type) => type)].map(([type, all]) => [type, all.length]),
  )
  assert.deepEqual(counts, {
    'payment_intent.created': 4,
    'payment_intent.payment_failed': 1,
    'payment_intent.requires_action': 1,
    'payment_intent.succeeded': 2,
    'payment_intent.processing': 1,
    'payment_intent.canceled': 1,
    'refund.created': 2,
    'charge.refunded': 2,
    'charge.refund.updated': 1,
    'refund.updated': 1,
  })
})

test('an event that is refused comes again until it is taken', async (t) => {
  const { stripe, script, receiver, arrived } = await startBoth(t)
  receiver.answerWith(500)
  await create(stripe)
  await arrived(4)
  receiver.answerWith(200)
  await eventually(async () => Object((await script('GET', 'webhooks')).counts).delivered === 2)
  const ids = new Set(receiver.received.map(({ event }) => event.id))
  assert.equal(ids.size, 2)
})

test('an event goes nowhere while nobody listens, and arrives when somebody does', async (t) => {
  const receiver = await startReceiver(t)
  const { stripe, script } = await startTestSimulator(t)
  await create(stripe)
  await script('PUT', 'webhooks', {
    target: { url: receiver.url, secret, events: ['payment_intent.succeeded'] },
  })
  await create(stripe)
  await eventually(() => receiver.received.length > 0)
  await script('POST', 'webhooks/deliver')
  assert.deepEqual(types(receiver), ['payment_intent.succeeded'])
})

test('events are doubled, held, mixed and lost on demand', async (t) => {
  const { stripe, script, receiver, behave, arrived } = await startBoth(t)
  await behave({ duplicates: 2 })
  await create(stripe)
  await arrived(6)
  const copies = Map.groupBy(receiver.received, ({ event }) => event.id)
  assert.deepEqual(
    [...copies.values()].map(({ length }) => length),
    [3, 3],
  )
  receiver.received.length = 0

  await behave({ hold: true })
  await create(stripe)
  await create(stripe)
  assert.equal(receiver.received.length, 0)
  await script('POST', 'webhooks/deliver')
  assert.equal(receiver.received.length, 4)
  receiver.received.length = 0

  await behave({ reorder: 2 })
  await create(stripe)
  await arrived(2)
  assert.deepEqual(types(receiver), ['payment_intent.succeeded', 'payment_intent.created'])
  receiver.received.length = 0

  await behave({ dropNext: 1, types: ['payment_intent.succeeded'] })
  const lost = await create(stripe)
  await create(stripe)
  await arrived(3)
  await script('POST', 'webhooks/deliver')
  assert.equal(types(receiver).filter((type) => type === 'payment_intent.succeeded').length, 1)
  const { data } = await stripe.events.list({ type: 'payment_intent.succeeded', limit: 2 })
  const missed = data.find(({ data: { object } }) => Object(object).id === lost.id)
  await script('POST', 'webhooks/resend', { eventId: missed?.id })
  await arrived(4)
  assert.equal(receiver.received.at(-1)?.event.id, missed?.id)
})

test('a delayed event waits until its time or until it is called for', async (t) => {
  const { stripe, script, receiver, behave } = await startBoth(t)
  await behave({ delay: { minMs: 60_000, maxMs: 60_000 } })
  await create(stripe)
  assert.equal(Object((await script('GET', 'webhooks')).counts).waiting, 2)
  assert.equal(receiver.received.length, 0)
  await script('POST', 'webhooks/deliver')
  assert.equal(receiver.received.length, 2)
})

test('a script that makes no sense is refused and changes nothing', async (t) => {
  const { script, behave } = await startBoth(t)
  await assert.rejects(behave({ duplicates: 11 }), /400.*behaviour\.duplicates/)
  await assert.rejects(behave({ drop: 1 }), /400/)
  await assert.rejects(script('PUT', 'faults', { outage: 'maybe' }), /400.*outage/)
  await assert.rejects(script('GET', 'nothing'), /404/)
  assert.equal((await script('GET', 'faults')).outage, null)
})
