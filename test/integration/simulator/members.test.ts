// The objects of the simulator have the members that Stripe's own examples have, with values of the same type.
import assert from 'node:assert/strict'
import test from 'node:test'
import type Stripe from 'stripe'
import { startTestSimulator } from '../../support/simulator.ts'
import { stripeMembers } from '../../support/stripe-members.ts'

/** Stripe's examples show what only an older version, or an `expand`, gives. */
const absent: Readonly<Record<string, readonly string[]>> = { charge: ['refunds'] }

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  const types = { number: 'number', string: 'text', boolean: 'flag', object: 'object' }
  return value === null
    ? 'any'
    : (Object.entries(types).find(([type]) => type === typeof value)?.[1] ?? 'absent')
}

/** What is otherwise than in the example. */
function differences(kind: string, object: unknown): string[] {
  return Object.entries(stripeMembers[kind] ?? {}).flatMap(([type, names]) =>
    names
      .trim()
      .split(/\s+/)
      .filter((name) => !absent[kind]?.includes(name))
      .flatMap((name) => {
        const actual = typeOf(Reflect.get(Object(object), name))
        const fits = actual === type || type === 'any' ? actual !== 'absent' : actual === 'any'
        return fits ? [] : [`${kind}.${name} is ${actual}, not ${type}`]
      }),
  )
}

test('every kind of object has the members of Stripe', async (t) => {
  const { stripe, script } = await startTestSimulator(t)
  const card = { amount: 900, currency: 'usd', confirm: true }
  const pay = (payment_method: string) => stripe.paymentIntents.create({ ...card, payment_method })
  const declined = await pay('pm_card_chargeDeclined').catch(
    (error: Stripe.errors.StripeCardError) => error,
  )
  const paid = await pay('pm_card_riskLevelElevated')
  const [dispute, warning] = await Promise.all([
    script('POST', `payment_intents/${paid.id}/dispute`, { amount: 100 }),
    pay('pm_card_createIssuerFraudRecord').then(async () => {
      const { data } = await stripe.radar.earlyFraudWarnings.list()
      return data[0]
    }),
  ])
  const [movement] = Object(dispute).balance_transactions
  const [event] = (await stripe.events.list()).data
  const objects: readonly (readonly [string, unknown])[] = [
    ['payment_intent', paid],
    ['payment_intent', Object(declined).payment_intent],
    ['payment_method', Object(declined).payment_method],
    ['charge', await stripe.charges.retrieve(String(paid.latest_charge))],
    ['refund', await stripe.refunds.create({ payment_intent: (await pay('pm_card_visa')).id })],
    ['dispute', dispute],
    ['balance_transaction', movement],
    ['radar.early_fraud_warning', warning],
    ['review', await stripe.reviews.retrieve(String(paid.review))],
    ['customer', await stripe.customers.create({})],
    ['event', event],
  ]
  assert.deepEqual(
    objects.flatMap(([kind, object]) => differences(kind, object)),
    [],
  )
  const shown = new Set(objects.map(([kind]) => kind))
  assert.deepEqual(shown, new Set(Object.keys(stripeMembers)))
})
