/** What Stripe says, in the words of the shop: facts, verdicts, failures. */
import { Stripe } from 'stripe'
import type {
  CardFacts,
  Charge,
  IntentFacts,
  RefundFacts,
  RefusedByProvider,
  Unknown,
} from './gateway.ts'
import { NoAnswer } from './stripe-calls.ts'

/**
 * For the gateway and the handler of events: the facts of an intent, from an answer or from an
 * event. Amounts stay minor units. Never throws on an intent of the provider's API.
 */
export function factsOf(intent: Stripe.PaymentIntent): IntentFacts {
  const error = intent.last_payment_error
  return {
    id: intent.id,
    status: intent.status as IntentFacts['status'],
    amount: intent.amount,
    amountReceived: intent.amount_received ?? 0,
    currency: intent.currency.toUpperCase(),
    checkoutId: intent.metadata?.checkoutId ?? null,
    clientSecret: intent.client_secret ?? null,
    paymentMethodId: idOf(intent.payment_method ?? error?.payment_method),
    card: cardOf(intent.payment_method ?? error?.payment_method),
    declineCode: error ? (error.decline_code ?? error.code ?? 'generic_decline') : null,
  }
}

/** Longer texts are nobody's brand. */
const brandMax = 40

function cardOf(method: string | Stripe.PaymentMethod | null | undefined): CardFacts | null {
  if (typeof method !== 'object' || !method?.card) return null
  const { brand, last4 } = method.card
  return { brand: brand.slice(0, brandMax), last4: last4.slice(0, 4) }
}

/** Of an object that the provider writes out, or names by its id. */
const idOf = (named: string | { readonly id: string } | null | undefined): string | null =>
  typeof named === 'string' ? named : (named?.id ?? null)

/**
 * For the gateway and the handler of events: the facts of a refund, from an answer or from an
 * event; `canceled` counts as failed. Minor units. Never throws on a refund of the provider's API.
 */
export function refundFactsOf(refund: Stripe.Refund): RefundFacts {
  const { id, amount, status, metadata } = refund
  const facts = { id, amount, refundId: metadata?.refundId ?? null, intentId: intentIdOf(refund) }
  if (status === 'succeeded') return { ...facts, status }
  const failed = status === 'failed' || status === 'canceled'
  return { ...facts, status: failed ? 'failed' : 'pending' }
}

/**
 * For the handler of events: the intent of a refund or a charge; null where there is none. Never
 * throws.
 */
export function intentIdOf({
  payment_intent: intent,
}: Pick<Stripe.Refund, 'payment_intent'>): string | null {
  return typeof intent === 'string' ? intent : (intent?.id ?? null)
}

/**
 * What an attempt that was just confirmed has come to, for whoever charges or hears an event. A
 * state that the shop never leads to is `unknown`. Never throws.
 */
export function chargeOf(intent: IntentFacts): Charge {
  switch (intent.status) {
    case 'succeeded':
    case 'requires_action':
    case 'processing':
    case 'canceled':
      return { tag: intent.status, intent }
    case 'requires_payment_method':
      return { tag: 'declined', intent, declineCode: intent.declineCode ?? 'generic_decline' }
    case 'requires_confirmation':
    case 'requires_capture':
      return { tag: 'unknown', why: 'away', message: `the intent is ${intent.status}` }
  }
}

/** A key that was used before, with other parameters. */
export function isOtherUse(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400
}

/**
 * Refused: the request itself is at fault. Everything else that failed may have been done, or was
 * surely not done and another try, by us or by an operator, mends it.
 */
export function failureOf(error: unknown): RefusedByProvider | Unknown {
  const { errors } = Stripe
  if (error instanceof NoAnswer) return { tag: 'unknown', why: 'away', message: error.message }
  if (!(error instanceof errors.StripeError)) throw error
  const refused =
    error.statusCode !== 409 &&
    (error instanceof errors.StripeInvalidRequestError ||
      error instanceof errors.StripeCardError ||
      isOtherUse(error))
  if (!refused) return unknownOf(error)
  return {
    tag: 'refused',
    code: error.code ?? error.rawType ?? error.type,
    param: error.param ?? null,
    message: error.message,
    intent: error.payment_intent ? factsOf(error.payment_intent) : null,
  }
}

function unknownOf(error: Stripe.errors.StripeError): Unknown {
  const { statusCode = 0, headers = {} } = error
  const unknown = { tag: 'unknown', message: `${error.type}: ${error.message}` } as const
  if (statusCode === 429) {
    const limit = headers['stripe-rate-limited-reason']
    return { ...unknown, why: 'busy', ...(limit ? { limit } : {}) }
  }
  if (statusCode === 401 || statusCode === 403) return { ...unknown, why: 'barred' }
  if (statusCode === 409) return { ...unknown, why: 'in_use' }
  return { ...unknown, why: headers['idempotent-replayed'] === 'true' ? 'stored' : 'away' }
}
