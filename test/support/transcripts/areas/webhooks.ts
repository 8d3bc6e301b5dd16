/** What the payment provider reports. */
import { demoSecrets } from '../../../../src/config/config.ts'
import { signatureOf } from '../../webhooks.ts'
import type { Stage } from '../stage.ts'

const { webhook: secret } = demoSecrets

export async function webhooks(stage: Stage): Promise<void> {
  const { play } = stage
  const post = (title: string, raw: string, signature?: string) =>
    play(title, 'POST /webhooks/stripe', {
      raw,
      headers: signature === undefined ? {} : { 'stripe-signature': signature },
    })
  const signed = (title: string, raw: string) => post(title, raw, signatureOf(raw, { secret }))
  const payment = { id: 'pi_of_nobody', status: 'succeeded', amount: 1, currency: 'eur' }
  const event = eventOf('evt_golden_1', payment)
  await post('Not signed', event)
  await post('Signed with another secret', event, signatureOf(event, { secret: 'whsec_other' }))
  await post('Signed long ago', event, signatureOf(event, { secret, timestamp: 1_000_000_000 }))
  await signed('Signed', event)
  await signed('Delivered twice', event)
  await signed('No event', '{}')
  await signed('No JSON', 'x')
  await signed('Too large', JSON.stringify('x'.repeat(1_100_000)))
  const deep = event.replace('evt_golden_1', 'evt_golden_2').replace('"succeeded"', nested)
  await signed('More levels than PostgreSQL takes', deep)
}

const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`

/** An event of a payment that nobody here has asked for. */
export function eventOf(id: string, object: Readonly<Record<string, unknown>>): string {
  const data = { object: { object: 'payment_intent', ...object } }
  return JSON.stringify({
    ...{ id, object: 'event', type: 'payment_intent.succeeded', livemode: false },
    data,
  })
}
