/**
 * The gateway to Stripe, by the official SDK. Each call is made once; retries are decided by the
 * caller.
 */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Stripe } from 'stripe'
import type { Clock } from '../kernel/clock.ts'
import type {
  Charge,
  IntentAnswer,
  IntentFacts,
  PaymentGateway,
  PaymentMethods,
  RefundAnswer,
} from './gateway.ts'
import { asking, keysOf } from './stripe-calls.ts'
import { confirmParameters, expand, intentParameters } from './stripe-parameters.ts'
import { chargeOf, factsOf, failureOf, isOtherUse, refundFactsOf } from './stripe-words.ts'

/** What the gateway needs, of one process. */
export interface StripeSettings {
  /** One or several, separated by commas: while a key is changed, the provider may know either. */
  readonly secretKey: string
  /** Default: Stripe itself. */
  readonly apiBase?: string | undefined
  /** Default: those that pay at once. */
  readonly methods?: PaymentMethods
  /** Default for each call. Milliseconds. */
  readonly timeoutMs?: number
  readonly clock: Clock
}

/** Where the payment simulator listens when `STRIPE_API_BASE` does not say it. */
export const simulatorUrl = 'http://127.0.0.1:12111'
/** What the payment simulator takes for a key. */
export const simulatorKey = 'sk_test_simulator'

const usualMs = 5_000
/** For a connection to come about, and for one to be kept without use. */
const connectMs = 2_500
/** How far around a moment intents are looked for, and over how many pages of a hundred. */
const aroundSeconds = 300
const pagesMax = 100

/**
 * Makes the gateway that API processes and workers charge and refund with. A call without a limit
 * of its own ends after `timeoutMs`, 5,000 ms unless set. @throws TypeError when `apiBase` is no
 * URL.
 */
export function stripeGateway(settings: StripeSettings): PaymentGateway {
  const { stripe, ask } = stripeClient(settings)
  const { methods = 'immediate' } = settings
  return {
    ...intentCalls(stripe, ask, methods),
    ...lookCalls(stripe, ask),
    ...refundCalls(stripe, ask),
  }
}

/**
 * The SDK and how its calls are made, for {@link stripeGateway} and the provider's lists. @throws
 * TypeError when `apiBase` is no URL.
 */
export function stripeClient(settings: StripeSettings): {
  readonly stripe: Stripe
  readonly ask: Ask
} {
  const address = addressOf(settings.apiBase)
  const Agent = address.protocol === 'http' ? HttpAgent : HttpsAgent
  const keys = keysOf(settings.secretKey)
  const stripe = new Stripe(keys[0], {
    ...address,
    maxNetworkRetries: 0,
    telemetry: false,
    // The SDK's own limit begins when the connection stands.
    httpAgent: new Agent({ keepAlive: true, timeout: connectMs }),
  })
  return { stripe, ask: asking(settings.clock, settings.timeoutMs ?? usualMs, keys) }
}

type Ask = ReturnType<typeof asking>
type RefundCall = 'createRefund' | 'listRefunds'
type LookCall = 'retrieveIntent' | 'findIntents' | 'checkAccess'

function intentCalls(
  { paymentIntents }: Stripe,
  ask: Ask,
  methods: PaymentMethods,
): Omit<PaymentGateway, RefundCall | LookCall> {
  return {
    async createAndConfirm({ paymentMethodId, key, details, ...charge }, options) {
      const intent = {
        ...intentParameters(charge, methods),
        ...confirmParameters(paymentMethodId, details),
        confirm: true,
      }
      return charged(
        ask(
          'payment_intent',
          (limit) => paymentIntents.create(intent, { idempotencyKey: key, ...limit }),
          options,
        ),
      )
    },
    async burnKey({ key, ...charge }, options) {
      const bare = intentParameters(charge, methods)
      try {
        const intent = await ask(
          'payment_intent',
          (limit) => paymentIntents.create(bare, { idempotencyKey: key, ...limit }),
          options,
        )
        return { tag: 'unused', intent: factsOf(intent) }
      } catch (error) {
        // Other parameters than those that came first under the key.
        return isOtherUse(error) ? { tag: 'used' } : failureOf(error)
      }
    },
    async confirmIntent({ intentId, paymentMethodId, key, details }, options) {
      const method = confirmParameters(paymentMethodId, details)
      return charged(
        ask(
          'payment_intent',
          (limit) => paymentIntents.confirm(intentId, method, { idempotencyKey: key, ...limit }),
          options,
        ),
      )
    },
    async cancelIntent(intentId, options) {
      const answer = await intentAnswer(
        ask('payment_intent', (limit) => paymentIntents.cancel(intentId, {}, limit), options),
      )
      // The one refusal that is as good as done.
      return answer.tag === 'refused' && answer.intent?.status === 'canceled'
        ? { tag: 'intent', intent: answer.intent }
        : answer
    },
  }
}

/** Calls that change nothing. */
function lookCalls({ paymentIntents }: Stripe, ask: Ask): Pick<PaymentGateway, LookCall> {
  return {
    async findIntents({ checkoutId, aroundMs }, options) {
      const at = Math.floor(aroundMs / 1000)
      const created = { gte: at - aroundSeconds, lte: at + aroundSeconds }
      const found: IntentFacts[] = []
      let after: { starting_after: string } | undefined
      try {
        for (let page = 0; page < pagesMax; page++) {
          const { data, has_more } = await ask(
            'list',
            (limit) => paymentIntents.list({ created, limit: 100, ...after }, limit),
            options,
          )
          const facts = data.map(factsOf)
          found.push(...facts.filter((intent) => intent.checkoutId === checkoutId))
          const last = data.at(-1)
          if (!has_more || !last) return { tag: 'intents', intents: found }
          after = { starting_after: last.id }
        }
        return { tag: 'unknown', why: 'away', message: 'too many intents to look through' }
      } catch (error) {
        return failureOf(error)
      }
    },
    async checkAccess(options) {
      try {
        await ask('list', (limit) => paymentIntents.list({ limit: 1 }, limit), options)
        return null
      } catch (error) {
        const failure = failureOf(error)
        return failure.tag === 'unknown' ? failure : null
      }
    },
    retrieveIntent(intentId, options) {
      return intentAnswer(
        ask(
          'payment_intent',
          (limit) => paymentIntents.retrieve(intentId, { expand }, limit),
          options,
        ),
      )
    },
  }
}

/** What a confirmed intent comes to. A decline is an error that carries the intent. */
async function charged(call: Promise<Stripe.PaymentIntent>): Promise<Charge> {
  try {
    return chargeOf(factsOf(await call))
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError && error.payment_intent) {
      const declineCode = error.decline_code ?? error.code ?? 'generic_decline'
      return { tag: 'declined', intent: factsOf(error.payment_intent), declineCode }
    }
    return failureOf(error)
  }
}

function refundCalls({ refunds }: Stripe, ask: Ask): Pick<PaymentGateway, RefundCall> {
  return {
    async createRefund({ intentId, amount, refundId, key }, options): Promise<RefundAnswer> {
      const refund = { payment_intent: intentId, amount, metadata: { refundId } }
      try {
        const made = await ask(
          'refund',
          (limit) => refunds.create(refund, { idempotencyKey: key, ...limit }),
          options,
        )
        return { tag: 'refund', refund: refundFactsOf(made) }
      } catch (error) {
        return failureOf(error)
      }
    },
    async listRefunds(intentId, options) {
      const which = { payment_intent: intentId, limit: 100 }
      try {
        const page = await ask('list', (limit) => refunds.list(which, limit), options)
        return { tag: 'refunds', refunds: page.data.map(refundFactsOf) }
      } catch (error) {
        return failureOf(error)
      }
    },
  }
}

async function intentAnswer(call: Promise<Stripe.PaymentIntent>): Promise<IntentAnswer> {
  try {
    return { tag: 'intent', intent: factsOf(await call) }
  } catch (error) {
    return failureOf(error)
  }
}

function addressOf(
  apiBase: string | undefined,
): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  if (apiBase === undefined) return {}
  const { protocol, hostname, port } = new URL(apiBase)
  const secure = protocol === 'https:'
  return {
    host: hostname,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    protocol: secure ? 'https' : 'http',
  }
}
