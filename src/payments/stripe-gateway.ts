/**
 * The gateway to Stripe, by the official SDK. Each call is made once; retries are decided by the
 * caller.
 */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Stripe } from 'stripe'
import type { Clock } from '../kernel/clock.ts'
import { settlesWithin } from '../kernel/settles-within.ts'
import type {
  CallOptions,
  Charge,
  IntentAnswer,
  IntentFacts,
  NewCharge,
  PaymentGateway,
  RefundAnswer,
  RefundFacts,
  RefusedByProvider,
  Unknown,
} from './gateway.ts'

/** What the gateway needs, of one process. */
export interface StripeSettings {
  /** One or several, separated by commas: while a key is changed, the provider may know either. */
  readonly secretKey: string
  /** Default: Stripe itself. */
  readonly apiBase?: string | undefined
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
  const ask = asking(settings.clock, settings.timeoutMs ?? usualMs, keys)
  return { ...intentCalls(stripe, ask), ...refundCalls(stripe, ask) }
}

type Ask = ReturnType<typeof asking>
type RefundCall = 'createRefund' | 'listRefunds'

function intentCalls({ paymentIntents }: Stripe, ask: Ask): Omit<PaymentGateway, RefundCall> {
  return {
    async createAndConfirm({ paymentMethodId, key, ...charge }, options) {
      const intent = { ...intentOf(charge), payment_method: paymentMethodId, confirm: true }
      return charged(
        ask(
          'payment_intent',
          (limit) => paymentIntents.create(intent, { idempotencyKey: key, ...limit }),
          options,
        ),
      )
    },
    async burnKey({ key, ...charge }, options) {
      try {
        const intent = await ask(
          'payment_intent',
          (limit) => paymentIntents.create(intentOf(charge), { idempotencyKey: key, ...limit }),
          options,
        )
        return { tag: 'unused', intent: factsOf(intent) }
      } catch (error) {
        // Other parameters than those that came first under the key.
        return isOtherUse(error) ? { tag: 'used' } : failureOf(error)
      }
    },
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
    async confirmIntent({ intentId, paymentMethodId, key }, options) {
      const method = { payment_method: paymentMethodId }
      return charged(
        ask(
          'payment_intent',
          (limit) => paymentIntents.confirm(intentId, method, { idempotencyKey: key, ...limit }),
          options,
        ),
      )
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
        ask('payment_intent', (limit) => paymentIntents.retrieve(intentId, {}, limit), options),
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

/** The intent of a checkout, not confirmed. */
function intentOf({ checkoutId, amount, currency }: Omit<NewCharge, 'key'>) {
  return {
    amount,
    currency: currency.toLowerCase(),
    metadata: { checkoutId },
    // What redirects needs a page to come back to; the bank's question does not.
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  } satisfies Stripe.PaymentIntentCreateParams
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

/** Nobody said anything, or nothing that the provider would say. */
class NoAnswer extends Error {
  override name = 'NoAnswer'
}

/**
 * What makes the calls. The limit is for all of a call, from the look-up of the name to the last
 * byte; `ownMs` without another one. The answer must be the `object` that was asked for: what
 * stands before the provider may answer in JSON too, and the SDK knows an error by one member
 * alone.
 */
function asking(clock: Clock, ownMs: number, keys: readonly string[]) {
  /** The key that the provider took last. */
  let current = 0
  const once = async <T extends { readonly object: string }>(
    object: T['object'],
    call: (options: Stripe.RequestOptions) => Promise<T>,
    { timeoutMs = ownMs }: CallOptions,
    apiKey: string,
  ): Promise<T> => {
    const timeout = Math.max(1, Math.ceil(timeoutMs))
    const said = untraced(() => call({ timeout, apiKey })).catch((error: unknown) => {
      if (error instanceof Stripe.errors.StripeError) throw error
      throw new NoAnswer(`the answer cannot be read: ${String(error)}`, { cause: error })
    })
    const inTime = await settlesWithin(clock, timeout, said)
    if (!inTime) throw new NoAnswer(`no answer in ${timeout} ms`)
    const answer = await said
    if (answer?.object !== object) throw new NoAnswer(`the answer is no ${object}`)
    return answer
  }
  return async <T extends { readonly object: string }>(
    object: T['object'],
    call: (options: Stripe.RequestOptions) => Promise<T>,
    options: CallOptions = {},
  ): Promise<T> => {
    const first = current
    for (let tried = 0; ; tried++) {
      const index = (first + tried) % keys.length
      try {
        const answer = await once(object, call, options, keys[index] as string)
        current = index
        return answer
      } catch (error) {
        // Whoever is not known was not served, whatever was asked: another key may ask the same.
        const unknown = error instanceof Stripe.errors.StripeAuthenticationError
        if (!unknown || tried + 1 >= keys.length) throw error
      }
    }
  }
}

function keysOf(setting: string): readonly [string, ...string[]] {
  const [first = '', ...others] = setting
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '')
  return [first, ...others]
}

/**
 * The SDK takes a stack trace of every call, to put it into an error that may come. All errors
 * become values here, and making the traces costs a third of a call.
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
    declineCode: error ? (error.decline_code ?? error.code ?? 'generic_decline') : null,
  }
}

/**
 * For the gateway and the handler of events: the facts of a refund, from an answer or from an
 * event; `canceled` counts as failed. Minor units. Never throws on a refund of the provider's API.
 */
export function refundFactsOf(refund: Stripe.Refund): RefundFacts {
  const { id, amount, status, metadata } = refund
  const refundId = metadata?.refundId ?? null
  if (status === 'succeeded') return { id, amount, refundId, status }
  const failed = status === 'failed' || status === 'canceled'
  return { id, amount, refundId, status: failed ? 'failed' : 'pending' }
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

async function intentAnswer(call: Promise<Stripe.PaymentIntent>): Promise<IntentAnswer> {
  try {
    return { tag: 'intent', intent: factsOf(await call) }
  } catch (error) {
    return failureOf(error)
  }
}

/** A key that was used before, with other parameters. */
function isOtherUse(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode === 400
}

/**
 * Refused: the request itself is at fault. Everything else that failed may have been done, or was
 * surely not done and another try, by us or by an operator, mends it.
 */
function failureOf(error: unknown): RefusedByProvider | Unknown {
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
