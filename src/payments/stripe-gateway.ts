/** The gateway to Stripe, by the official SDK. Each call is made once; retries are decided by the caller. */
import { Stripe } from 'stripe'
import type {
  CallOptions,
  Charge,
  IntentAnswer,
  IntentFacts,
  PaymentGateway,
  RefundAnswer,
  RefundFacts,
  RefusedByProvider,
  Unknown,
} from './gateway.ts'

export interface StripeSettings {
  readonly secretKey: string
  /** Default: Stripe itself. */
  readonly apiBase?: string | undefined
  /** Default for each call. Milliseconds. */
  readonly timeoutMs?: number
}

/** What the built-in simulator takes for a key. */
export const simulatorKey = 'sk_test_simulator'

export function stripeGateway(settings: StripeSettings): PaymentGateway {
  const stripe = new Stripe(settings.secretKey, {
    ...addressOf(settings.apiBase),
    maxNetworkRetries: 0,
    timeout: settings.timeoutMs ?? 5_000,
    telemetry: false,
  })
  const bounded = ({ timeoutMs }: CallOptions = {}) =>
    timeoutMs === undefined ? {} : { timeout: Math.max(1, Math.ceil(timeoutMs)) }

  return {
    createIntent({ checkoutId, amount, currency, key }, options) {
      return intentAnswer(
        untraced(() =>
          stripe.paymentIntents.create(
            {
              amount,
              currency: currency.toLowerCase(),
              metadata: { checkoutId },
              // What redirects needs a page to come back to; the bank's question does not.
              automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
            },
            { idempotencyKey: key, ...bounded(options) },
          ),
        ),
      )
    },
    async confirmIntent({ intentId, paymentMethodId, key }, options) {
      try {
        const intent = await untraced(() =>
          stripe.paymentIntents.confirm(
            intentId,
            { payment_method: paymentMethodId },
            { idempotencyKey: key, ...bounded(options) },
          ),
        )
        return chargeOf(factsOf(intent))
      } catch (error) {
        if (error instanceof Stripe.errors.StripeCardError && error.payment_intent) {
          const declineCode = error.decline_code ?? error.code ?? 'generic_decline'
          return { tag: 'declined', intent: factsOf(error.payment_intent), declineCode }
        }
        return failureOf(error)
      }
    },
    retrieveIntent(intentId, options) {
      return intentAnswer(stripe.paymentIntents.retrieve(intentId, {}, bounded(options)))
    },
    async cancelIntent(intentId, options) {
      const answer = await intentAnswer(
        stripe.paymentIntents.cancel(intentId, {}, bounded(options)),
      )
      // The one refusal that is as good as done.
      return answer.tag === 'refused' && answer.intent?.status === 'canceled'
        ? { tag: 'intent', intent: answer.intent }
        : answer
    },
    async createRefund({ intentId, amount, refundId, key }, options): Promise<RefundAnswer> {
      try {
        const refund = await stripe.refunds.create(
          { payment_intent: intentId, amount, metadata: { refundId } },
          { idempotencyKey: key, ...bounded(options) },
        )
        return { tag: 'refund', refund: refundFactsOf(refund) }
      } catch (error) {
        return failureOf(error)
      }
    },
    async listRefunds(intentId, options) {
      try {
        const page = await stripe.refunds.list(
          { payment_intent: intentId, limit: 100 },
          bounded(options),
        )
        return { tag: 'refunds', refunds: page.data.map(refundFactsOf) }
      } catch (error) {
        return failureOf(error)
      }
    },
  }
}

/**
 * The SDK takes a stack trace of every call, to put it into an error that may come. All errors become values
 * here, and making the traces costs a third of a call.
 */
function untraced<T>(call: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return call()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** The facts of an intent, from an answer or from an event. */
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
    declineCode: error ? (error.decline_code ?? error.code ?? 'generic_decline') : null,
  }
}

/** The facts of a refund, from an answer or from an event. */
export function refundFactsOf(refund: Stripe.Refund): RefundFacts {
  const { id, amount, status, metadata } = refund
  const refundId = metadata?.refundId ?? null
  if (status === 'succeeded') return { id, amount, refundId, status }
  const failed = status === 'failed' || status === 'canceled'
  return { id, amount, refundId, status: failed ? 'failed' : 'pending' }
}

/** What an attempt that was just confirmed has come to. */
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
      return { tag: 'unknown', message: `the intent is ${intent.status}` }
  }
}

async function intentAnswer(call: Promise<Stripe.PaymentIntent>): Promise<IntentAnswer> {
  try {
    return { tag: 'intent', intent: factsOf(await call) }
  } catch (error) {
    return failureOf(error)
  }
}

/**
 * Refused: the request itself is at fault. Everything else that failed may have been done: no connection,
 * 5xx, a key that is being worked on. Too many requests and a wrong secret key were surely not done, but
 * another try, by us or by an operator, mends them: they are unknown too.
 */
function failureOf(error: unknown): RefusedByProvider | Unknown {
  const { errors } = Stripe
  if (!(error instanceof errors.StripeError)) throw error
  const refused =
    error instanceof errors.StripeInvalidRequestError ||
    error instanceof errors.StripeCardError ||
    (error instanceof errors.StripeIdempotencyError && error.statusCode === 400)
  if (!refused) return { tag: 'unknown', message: `${error.type}: ${error.message}` }
  return {
    tag: 'refused',
    code: error.code ?? error.rawType ?? error.type,
    param: error.param ?? null,
    message: error.message,
    intent: error.payment_intent ? factsOf(error.payment_intent) : null,
  }
}

function addressOf(apiBase: string | undefined) {
  if (apiBase === undefined) return {}
  const { protocol, hostname, port } = new URL(apiBase)
  const secure = protocol === 'https:'
  return {
    host: hostname,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    protocol: secure ? ('https' as const) : ('http' as const),
  }
}
