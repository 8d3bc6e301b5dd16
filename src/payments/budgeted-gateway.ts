/** The gateway behind the budget: each call waits for its place first. */
import type { Clock } from '../kernel/clock.ts'
import type { CallBudget, Endpoint, Urgency } from './budget/budget.ts'
import type { CallOptions, PaymentGateway, Unknown } from './gateway.ts'

/** What a call may take that has no limit of its own. Milliseconds. */
const usualMs = 5_000

/**
 * Wraps a gateway for one process, whose calls are all of one urgency. A call waits for its place
 * for half of its time at most, and has what is left for itself. Without a place it is not made,
 * and its answer is `unknown`. Hands `gateway` back when the budget has no limits.
 */
export function budgetedGateway(
  gateway: PaymentGateway,
  parts: {
    readonly budget: CallBudget
    readonly urgency: Urgency
    readonly clock: Pick<Clock, 'monotonic'>
  },
): PaymentGateway {
  const { budget, urgency, clock } = parts
  if (!budget.limited) return gateway
  const placed = async <Answer>(
    endpoint: Endpoint,
    { timeoutMs = usualMs }: CallOptions = {},
    call: (options: CallOptions) => Promise<Answer>,
  ): Promise<Answer | Unknown> => {
    const began = clock.monotonic()
    const placed = await budget.take(endpoint, { urgency, maxMs: timeoutMs / 2 })
    if (!placed) return { tag: 'unknown', message: 'too many calls wait for the provider' }
    return call({ timeoutMs: Math.max(1, timeoutMs - (clock.monotonic() - began)) })
  }
  return {
    createIntent: (request, options) =>
      placed('payment_intents', options, (left) => gateway.createIntent(request, left)),
    confirmIntent: (request, options) =>
      placed('payment_intents', options, (left) => gateway.confirmIntent(request, left)),
    cancelIntent: (intentId, options) =>
      placed('payment_intents', options, (left) => gateway.cancelIntent(intentId, left)),
    retrieveIntent: (intentId, options) =>
      placed('payment_intents_read', options, (left) => gateway.retrieveIntent(intentId, left)),
    createRefund: (request, options) =>
      placed('refunds', options, (left) => gateway.createRefund(request, left)),
    listRefunds: (intentId, options) =>
      placed('lists', options, (left) => gateway.listRefunds(intentId, left)),
  }
}
