/** The provider's events on their way to the shop: lost, late, repeated, in any order. */
import type { Stripe } from 'stripe'
import type { Happening, Intent } from './provider-words.ts'

/** What is read of an event. */
type EventOf<T> = Pick<Stripe.Event, 'id' | 'type'> & {
  readonly account?: string
  readonly data: { readonly object: T }
}
export type SimEvent = EventOf<object>

const typeOf: Readonly<Record<string, Stripe.Event['type']>> = {
  succeeded: 'payment_intent.succeeded',
  requires_payment_method: 'payment_intent.payment_failed',
  canceled: 'payment_intent.canceled',
  requires_action: 'payment_intent.requires_action',
  processing: 'payment_intent.processing',
}

/** What nobody asks about by itself is told in the end: the provider repeats its events for days. */
export function isTold(happening: Happening): boolean {
  if (happening.of === 'charge') return true
  return happening.of === 'refund' && happening.refund.status === 'failed'
}

/** The event that tells of it; null when none does. */
export function eventOf(id: string, happening: Happening): SimEvent | null {
  if (happening.of === 'refund') {
    const { refund } = happening
    const object = {
      ...{ id: refund.id, object: 'refund', amount: refund.amount, status: refund.status },
      payment_intent: refund.intentId,
      metadata: refund.refundId === null ? {} : { refundId: refund.refundId },
    }
    return { id, type: 'refund.updated', data: { object } }
  }
  if (happening.of === 'charge') {
    const { intentId, refunded } = happening
    const object = { id: `ch_${intentId}`, payment_intent: intentId, amount_refunded: refunded }
    return { id, type: 'charge.refunded', data: { object } }
  }
  const type = typeOf[happening.intent.status]
  return type ? { id, type, data: { object: intentObject(happening.intent) } } : null
}

function intentObject(intent: Intent): object {
  const { id, status, amount, currency, received, checkoutId, declineCode, method } = intent
  return {
    ...{ id, object: 'payment_intent', status, amount, amount_received: received },
    ...{
      currency: currency.toLowerCase(),
      metadata: { checkoutId },
      client_secret: `${id}_secret`,
      payment_method: method === '' ? null : method,
    },
    last_payment_error: declineCode === null ? null : { decline_code: declineCode },
  }
}
