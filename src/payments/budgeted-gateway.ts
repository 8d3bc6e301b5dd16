/** The gateway behind the budget: each call waits for its place first. */
import type { Clock } from '../kernel/clock.ts'
import type { CallBudget, Endpoint, Urgency } from './budget/budget.ts'
import type { CallOptions, PaymentGateway, Unknown } from './gateway.ts'
import type { ProviderLists } from './provider-lists.ts'

/** What a call may take that has no limit of its own. Milliseconds. */
const usualMs = 5_000

/** What makes calls wait for their places. */
export interface PlaceParts {
  readonly budget: CallBudget
  readonly urgency: Urgency
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * Wraps a gateway for one process, whose calls are all of one urgency. A call waits for its place
 * for half of its time at most, and has what is left for itself; one that its caller has counted
 * already does not wait. Without a place it is not made, and its answer is `unknown`, `busy`. The
 * budget hears of every 429. Hands `gateway` back when the budget has no limits.
 */
export function budgetedGateway(gateway: PaymentGateway, parts: PlaceParts): PaymentGateway {
  if (!parts.budget.limited) return gateway
  const placed = placing(parts)
  return {
    createAndConfirm: (request, options) =>
      placed('payment_intents', options, (left) => gateway.createAndConfirm(request, left)),
    burnKey: (request, options) =>
      placed('payment_intents', options, (left) => gateway.burnKey(request, left)),
    confirmIntent: (request, options) =>
      placed('payment_intents', options, (left) => gateway.confirmIntent(request, left)),
    cancelIntent: (intentId, options) =>
      placed('payment_intents', options, (left) => gateway.cancelIntent(intentId, left)),
    findIntents: (request, options) =>
      placed('lists', options, (left) => gateway.findIntents(request, left)),
    checkAccess: (options) => placed('lists', options, (left) => gateway.checkAccess(left)),
    retrieveIntent: (intentId, options) =>
      placed('payment_intents_read', options, (left) => gateway.retrieveIntent(intentId, left)),
    createRefund: (request, options) =>
      placed('refunds', options, (left) => gateway.createRefund(request, left)),
    listRefunds: (intentId, options) =>
      placed('lists', options, (left) => gateway.listRefunds(intentId, left)),
  }
}

/** As {@link budgetedGateway}, for the provider's lists. */
export function budgetedLists(lists: ProviderLists, parts: PlaceParts): ProviderLists {
  if (!parts.budget.limited) return lists
  const placed = placing(parts)
  return {
    listEvents: (request, options) =>
      placed('lists', options, (left) => lists.listEvents(request, left)),
    listIntents: (request, options) =>
      placed('lists', options, (left) => lists.listIntents(request, left)),
    listAllRefunds: (request, options) =>
      placed('lists', options, (left) => lists.listAllRefunds(request, left)),
  }
}

function placing({ budget, urgency, clock }: PlaceParts) {
  return async <Answer extends { readonly tag: string } | null>(
    endpoint: Endpoint,
    options: CallOptions = {},
    call: (options: CallOptions) => Promise<Answer>,
  ): Promise<Answer | Unknown> => {
    const { timeoutMs = usualMs, counted = false } = options
    const began = clock.monotonic()
    if (!counted && !(await budget.take(endpoint, { urgency, maxMs: timeoutMs / 2 }))) {
      return { tag: 'unknown', why: 'busy', message: 'too many calls wait for the provider' }
    }
    const left = Math.max(1, timeoutMs - (clock.monotonic() - began))
    const answer = await call({ ...options, timeoutMs: left })
    if (isBusy(answer)) budget.throttled(endpoint, answer.limit ?? null)
    return answer
  }
}

function isBusy(answer: unknown): answer is Unknown & { readonly why: 'busy' } {
  return (answer as Partial<Unknown> | null)?.why === 'busy'
}
