/** A process that hears what the provider has answered later than everybody else. */
import type { PaymentGateway } from '../../src/payments/gateway.ts'
import type { Call } from './crash.ts'

export interface SlowGateway {
  readonly wrap: (gateway: PaymentGateway) => PaymentGateway
  /** Resolves when the provider has done what the first call of that name asks for. */
  readonly done: Promise<void>
  /** Hands the answer over; calls that follow are answered at once. */
  hear(): void
}

/** A gateway on which answers to calls of that name are on their way for as long as the test likes. */
export function slowGateway(call: Call): SlowGateway {
  const done = Promise.withResolvers<void>()
  const heard = Promise.withResolvers<void>()
  return {
    wrap: (gateway) => {
      const original = gateway[call] as (...args: unknown[]) => Promise<unknown>
      const slow = async (...args: unknown[]) => {
        const answer = await original(...args)
        done.resolve()
        await heard.promise
        return answer
      }
      return { ...gateway, [call]: slow }
    },
    done: done.promise,
    hear: heard.resolve,
  }
}
