/** How many requests the account may make, as a script sets it: what is above is answered 429. */
import { z } from 'zod'
import { StripeFailure } from './failure.ts'
import { limits } from './limits.ts'
import { RequestLog } from './request-log.ts'

/** Why a request was refused, in the words of the header `Stripe-Rate-Limited-Reason`. */
export const rateReasons = [
  'global-rate',
  'global-concurrency',
  'endpoint-rate',
  'endpoint-concurrency',
  'resource-specific',
] as const
export type RateReason = (typeof rateReasons)[number]

const bound = z.int().min(0).max(1_000_000).nullable().default(null)

/** Null, the default everywhere, is no limit. A second is one of the clock: it begins where its number changes. */
export const rateScript = z.strictObject({
  /** Of the whole account. Stripe: 100 live, 25 in a sandbox. */
  perSecond: bound,
  /** Requests of the account under way at once. */
  concurrent: bound,
  /** Of every endpoint that `endpoints` does not name. Stripe: 25. */
  endpointPerSecond: bound,
  endpointConcurrent: bound,
  /** By name, as in `POST /v1/payment_intents/{id}/confirm`; replaces both of the above. */
  endpoints: z
    .record(z.string().max(200), z.strictObject({ perSecond: bound, concurrent: bound }))
    .default({}),
  /** POST requests to one PaymentIntent within an hour of the clock. Stripe: 1,000. */
  updatesPerIntentHour: bound,
})

export type RateScript = z.infer<typeof rateScript>
export const noRateLimits: RateScript = rateScript.parse({})

interface Counters {
  inSecond: number
  underWay: number
}

export interface Arrival {
  /** As in `POST /v1/payment_intents/{id}/confirm`. */
  readonly endpoint: string
  /** The PaymentIntent that a POST is about. */
  readonly intentId: string | undefined
  /** Seconds since the epoch. */
  readonly second: number
  /** Set when a script refuses this one, limits or not. */
  readonly refusal?: RateReason | 'lock_timeout' | undefined
}

/** Counts the requests of the account, by endpoint, and refuses what is too many. */
export class RateLimits {
  readonly log = new RequestLog()
  #script: RateScript
  #second = 0
  #hour = 0
  readonly #account: Counters = { inSecond: 0, underWay: 0 }
  readonly #endpoints = new Map<string, Counters>()
  readonly #updates = new Map<string, number>()

  constructor(script: RateScript = noRateLimits) {
    this.#script = script
  }

  get script(): RateScript {
    return this.#script
  }

  /** Counts from now on; what is under way still counts as under way. */
  set(script: RateScript): void {
    this.#script = script
    this.#updates.clear()
  }

  /**
   * Lets a request in; call what it returns when the request is over, once.
   * @throws StripeFailure 429, never kept by an idempotency key.
   */
  admit(arrival: Arrival): () => void {
    const { endpoint, intentId, second } = arrival
    this.#turn(second)
    const counters = this.#countersOf(endpoint)
    const reason = arrival.refusal ?? this.#reasonAgainst(endpoint, counters, intentId)
    this.log.note(second, endpoint, reason)
    if (reason) throw reason === 'lock_timeout' ? lockTimeout() : rateLimited(reason)
    if (intentId !== undefined && this.#script.updatesPerIntentHour !== null) {
      if (this.#updates.size >= limits.objects) this.#updates.clear()
      this.#updates.set(intentId, (this.#updates.get(intentId) ?? 0) + 1)
    }
    for (const each of [this.#account, counters]) {
      each.inSecond += 1
      each.underWay += 1
    }
    return () => {
      this.#account.underWay -= 1
      counters.underWay -= 1
    }
  }

  #reasonAgainst(
    endpoint: string,
    counters: Counters,
    intentId: string | undefined,
  ): RateReason | undefined {
    const { perSecond, concurrent, endpoints, updatesPerIntentHour } = this.#script
    const named = Object.hasOwn(endpoints, endpoint) ? endpoints[endpoint] : undefined
    const own = named ?? {
      perSecond: this.#script.endpointPerSecond,
      concurrent: this.#script.endpointConcurrent,
    }
    if (reached(this.#account.underWay, concurrent)) return 'global-concurrency'
    if (reached(this.#account.inSecond, perSecond)) return 'global-rate'
    if (reached(counters.underWay, own.concurrent)) return 'endpoint-concurrency'
    if (reached(counters.inSecond, own.perSecond)) return 'endpoint-rate'
    const updates = intentId === undefined ? 0 : (this.#updates.get(intentId) ?? 0)
    const updated = intentId !== undefined && reached(updates, updatesPerIntentHour)
    return updated ? 'resource-specific' : undefined
  }

  #countersOf(endpoint: string): Counters {
    const known = this.#endpoints.get(endpoint)
    if (known) return known
    const fresh = { inSecond: 0, underWay: 0 }
    this.#endpoints.set(endpoint, fresh)
    return fresh
  }

  #turn(second: number): void {
    if (second === this.#second) return
    this.#second = second
    for (const each of [this.#account, ...this.#endpoints.values()]) each.inSecond = 0
    const hour = Math.floor(second / 3_600)
    if (hour !== this.#hour) this.#updates.clear()
    this.#hour = hour
  }
}

function reached(count: number, max: number | null): boolean {
  return max !== null && count >= max
}

function rateLimited(reason: RateReason): StripeFailure {
  return new StripeFailure(
    429,
    {
      type: 'invalid_request_error',
      code: 'rate_limit',
      message:
        'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
    },
    { headers: ['stripe-rate-limited-reason', reason] },
  )
}

/** 429 without a reason in its header: somebody else works on the object. Stripe's clients ask again by themselves. */
export function lockTimeout(): StripeFailure {
  return new StripeFailure(
    429,
    {
      type: 'invalid_request_error',
      code: 'lock_timeout',
      message:
        'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate.',
    },
    { headers: ['stripe-should-retry', 'true'] },
  )
}
