/** Events as the provider sends them. */
import { Stripe } from 'stripe'
import { newId } from '../../src/kernel/ids.ts'

export const webhookSecret = 'whsec_test_secret'

export interface TestEvent {
  readonly id: string
  readonly body: string
}

/** The body of an event; `about` becomes its object. */
export function anEvent(
  type = 'payment_intent.succeeded',
  about: Readonly<Record<string, unknown>> = {},
): TestEvent {
  const id = `evt_${newId().replaceAll('-', '')}`
  const object = { id: `pi_${id.slice(4)}`, object: 'payment_intent', ...about }
  const body = JSON.stringify({ id, object: 'event', type, livemode: false, data: { object } })
  return { id, body }
}

/** The `Stripe-Signature` of a body. */
export function signatureOf(
  body: string,
  { secret = webhookSecret, timestamp = Math.floor(Date.now() / 1000) } = {},
): string {
  return Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp })
}
