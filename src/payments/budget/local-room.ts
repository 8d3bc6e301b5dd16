/** Room for calls that one process grants itself: its share while Redis is away. */
import type { Clock } from '../../kernel/clock.ts'
import { type Asks, Bucket } from './bucket.ts'
import type { Endpoint, RequestLimits } from './budget.ts'
import type { Granted, Refusal, Room, Wanted } from './room.ts'

/** Does what lua/payments/take-calls.lua does, for one process. */
export class LocalRoom implements Room {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #limits: RequestLimits
  readonly #account: Bucket | undefined
  readonly #endpoints = new Map<Endpoint, Bucket>()

  /** One of the limits is above 0; they need not be whole numbers. */
  constructor(clock: Pick<Clock, 'monotonic'>, limits: RequestLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#account = limits.account > 0 ? new Bucket(limits.account) : undefined
  }

  async ask(endpoint: Endpoint, { buyers, background }: Wanted): Promise<Granted> {
    const now = this.#clock.monotonic()
    const buckets = this.#bucketsOf(endpoint)
    const waits: number[] = []
    let forBuyers = 0
    for (; forBuyers < buyers; forBuyers++) {
      const at = earliestOf(buckets, 'buyer', now)
      if (at > now) {
        waits.push(at - now)
        break
      }
      for (const bucket of buckets) bucket.note('buyer', now)
    }
    let forBackground = 0
    for (; forBackground < background; forBackground++) {
      const due = buckets.every((bucket) => bucket.backgroundIsDue(now))
      const at = earliestOf(buckets, due ? 'owed' : 'spare', now)
      if (at > now) {
        waits.push(Math.min(at - now, 250))
        const full = buckets.filter((bucket) => due && bucket.earliest('owed', now) > now)
        for (const bucket of full) bucket.owe(at, now)
        break
      }
      for (const bucket of buckets) bucket.note('background', now)
    }
    return {
      buyers: forBuyers,
      background: forBackground,
      againMs: Math.max(1, Math.min(1_000, ...waits.map(Math.ceil))),
      rate: Math.floor(1_000_000 / Math.max(...buckets.map((each) => each.everyMs(now)))) / 1_000,
      at: now,
    }
  }

  async slowDown(endpoint: Endpoint, { of, how }: Refusal): Promise<number | null> {
    const now = this.#clock.monotonic()
    const bucket = of === 'account' ? this.#account : this.#endpoint(endpoint)
    if (how === 'pause') bucket?.pause(now)
    return how === 'lower' && bucket?.lower(now) ? 1_000 / bucket.everyMs(now) : null
  }

  #bucketsOf(endpoint: Endpoint): Bucket[] {
    return [this.#account, this.#endpoint(endpoint)].filter((each) => each !== undefined)
  }

  #endpoint(endpoint: Endpoint): Bucket | undefined {
    if (this.#limits.endpoint === 0) return undefined
    const known = this.#endpoints.get(endpoint)
    if (known) return known
    const made = new Bucket(this.#limits.endpoint)
    this.#endpoints.set(endpoint, made)
    return made
  }
}

const earliestOf = (buckets: readonly Bucket[], asks: Asks, now: number) =>
  Math.max(...buckets.map((bucket) => bucket.earliest(asks, now)))
