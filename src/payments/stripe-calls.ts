/** How one call to Stripe is made: within its limit, with a key that Stripe takes, and read with care. */
import { Stripe } from 'stripe'
import type { Clock } from '../kernel/clock.ts'
import { settlesWithin } from '../kernel/settles-within.ts'
import type { CallOptions } from './gateway.ts'

/** Nobody said anything, or nothing that the provider would say. */
export class NoAnswer extends Error {
  override name = 'NoAnswer'
}

/**
 * What makes the calls. The limit is for all of a call, from the look-up of the name to the last
 * byte; `ownMs` without another one. The answer must be the `object` that was asked for: what
 * stands before the provider may answer in JSON too, and the SDK knows an error by one member
 * alone.
 */
export function asking(clock: Clock, ownMs: number, keys: readonly string[]) {
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

/** The keys of a setting that has one, or several with commas between them. */
export function keysOf(setting: string): readonly [string, ...string[]] {
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
