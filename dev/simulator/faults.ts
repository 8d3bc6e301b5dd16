/** What goes wrong with requests, as a script sets it. */
import { z } from 'zod'
import { limits } from './limits.ts'
import { type RateReason, rateReasons } from './rate-limits.ts'
import { rangeMs } from './webhook-behaviour.ts'

/** Part of `POST /v1/payment_intents/pi_…/confirm`; only requests that contain it are meant. */
const match = z.string().min(1).max(200).optional()

export const faultScript = z.strictObject({
  /** Every request takes this long: `before` it is worked on, or `after`, before its answer. */
  latency: rangeMs
    .safeExtend({ when: z.enum(['before', 'after']).default('before'), match })
    .nullable()
    .default(null),
  /** Until it is taken back: every request is answered 503, cut off, or left without an answer. */
  outage: z.enum(['error', 'drop', 'hang']).nullable().default(null),
  /** What happens to the next requests, in this order. */
  next: z
    .array(
      z.strictObject({
        kind: z.enum([
          /** 500, nothing done, nothing kept. */
          'error_before',
          /** 500, nothing done, kept by the idempotency key: a retry gets it again. */
          'error_stored',
          /** Done, and answered 500 all the same. */
          'error_after',
          /** Done, and 500 is kept by the idempotency key: only a look at the object tells. */
          'error_stored_after',
          /** The connection is cut, nothing done. */
          'drop_before',
          /** Done, and the connection is cut: the answer is lost. */
          'drop_after',
          /** 409: another request with this idempotency key is under way. Nothing done, nothing kept. */
          'key_in_use',
          /** 429 with a `Stripe-Rate-Limited-Reason`; nothing done, nothing kept. */
          'rate_limited',
          /** 429 without one: somebody else works on the object; nothing done, nothing kept. */
          'lock_timeout',
        ]),
        /** Of `rate_limited`; default `global-rate`. */
        reason: z.enum(rateReasons).optional(),
        count: z.int().min(1).max(1_000_000).default(1),
        match,
      }),
    )
    .max(100)
    .default([]),
})

export type FaultScript = z.infer<typeof faultScript>
type NextFault = FaultScript['next'][number]
export type FaultKind = NextFault['kind']

export interface Fate {
  readonly outage: FaultScript['outage']
  readonly fault: FaultKind | null
  /** Set when the request is refused with 429. */
  readonly refusal: RateReason | 'lock_timeout' | undefined
  readonly waitBeforeMs: number
  readonly waitAfterMs: number
}

const unharmed: Fate = {
  outage: null,
  fault: null,
  refusal: undefined,
  waitBeforeMs: 0,
  waitAfterMs: 0,
}
const noFaults: FaultScript = faultScript.parse({})

export class Faults {
  readonly #random: () => number
  #script = noFaults
  #quiet = true

  constructor(random: () => number) {
    this.#random = random
  }

  get script(): FaultScript {
    return this.#script
  }

  set(script: FaultScript): void {
    this.#script = script
    this.#quiet = !script.latency && !script.outage && script.next.length === 0
  }

  clear(): void {
    this.set(noFaults)
  }

  /** What happens to this request; uses up one of the next faults. `address` is method, space and path. */
  meet(address: string): Fate {
    if (this.#quiet) return unharmed
    const { latency, outage } = this.#script
    if (outage) return { ...unharmed, outage }
    const slow = latency !== null && address.includes(latency.match ?? '')
    const wait = slow
      ? Math.min(limits.latencyMs, latency.minMs + this.#random() * (latency.maxMs - latency.minMs))
      : 0
    const taken = this.#take(address)
    return {
      outage: null,
      fault: taken?.kind ?? null,
      refusal: refusalOf(taken),
      waitBeforeMs: latency?.when === 'before' ? wait : 0,
      waitAfterMs: latency?.when === 'after' ? wait : 0,
    }
  }

  #take(address: string): NextFault | null {
    const { next } = this.#script
    const at = next.findIndex(({ match }) => address.includes(match ?? ''))
    const found = next[at]
    if (!found) return null
    const left = found.count > 1 ? [{ ...found, count: found.count - 1 }] : []
    this.set({ ...this.#script, next: next.toSpliced(at, 1, ...left) })
    return found
  }
}

function refusalOf(fault: NextFault | null): Fate['refusal'] {
  if (fault?.kind === 'lock_timeout') return 'lock_timeout'
  return fault?.kind === 'rate_limited' ? (fault.reason ?? 'global-rate') : undefined
}
