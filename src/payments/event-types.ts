/**
 * The types of the provider's events that the shop works on. The provider's end of the webhook is
 * set up for them.
 */
import type { Stripe } from 'stripe'

const ofIntents = [
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'payment_intent.requires_action',
  'payment_intent.processing',
] as const satisfies readonly Stripe.Event['type'][]

const ofRefunds = [
  'refund.created',
  'refund.updated',
  'refund.failed',
] as const satisfies readonly Stripe.Event['type'][]

const ofConcerns = [
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
  'radar.early_fraud_warning.created',
  'radar.early_fraud_warning.updated',
  'review.opened',
  'review.closed',
] as const satisfies readonly Stripe.Event['type'][]
/** What was given back of a charge, by whomever. */
const ofCharges = ['charge.refunded'] as const satisfies readonly Stripe.Event['type'][]

type Of<Type extends Stripe.Event['type']> = Extract<Stripe.Event, { readonly type: Type }>
/** An event about a payment intent, which may settle an attempt. */
export type IntentEvent = Of<(typeof ofIntents)[number]>
/** An event about a refund, which may settle it. */
export type RefundEvent = Of<(typeof ofRefunds)[number]>
/** An event about a dispute, an early fraud warning or a review of a payment. */
export type ConcernEvent = Of<(typeof ofConcerns)[number]>

/** An event about a charge, of which something was given back. */
export type ChargeEvent = Of<(typeof ofCharges)[number]>

const intentTypes: ReadonlySet<string> = new Set(ofIntents)
const refundTypes: ReadonlySet<string> = new Set(ofRefunds)
const concernTypes: ReadonlySet<string> = new Set(ofConcerns)
const chargeTypes: ReadonlySet<string> = new Set(ofCharges)

/** All types that are worked on; the inbox keeps events of any other type as `ignored`. */
export const handledEventTypes: ReadonlySet<string> = new Set([
  ...ofIntents,
  ...ofRefunds,
  ...ofConcerns,
  ...ofCharges,
])

/**
 * Whether the event is about a payment intent, by its type alone: its body may still be unreadable.
 * The handler of events asks. Never throws.
 */
export function isIntentEvent(event: Stripe.Event): event is IntentEvent {
  return intentTypes.has(event.type)
}

/** As {@link isIntentEvent}, for refunds. */
export function isRefundEvent(event: Stripe.Event): event is RefundEvent {
  return refundTypes.has(event.type)
}

/** As {@link isIntentEvent}, for disputes, early fraud warnings and reviews. */
export function isConcernEvent(event: Stripe.Event): event is ConcernEvent {
  return concernTypes.has(event.type)
}

/** As {@link isIntentEvent}, for charges. */
export function isChargeEvent(event: Stripe.Event): event is ChargeEvent {
  return chargeTypes.has(event.type)
}
