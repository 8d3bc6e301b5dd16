/** How many calls to the payment provider may be made, by all processes together. */

/** Which of the provider's limits a call counts against, beside that of the account. */
export type Endpoint = (typeof endpoints)[number]

/** `payment_intents` is what changes an intent: create, confirm, cancel. */
export const endpoints = [
  'payment_intents',
  'payment_intents_read',
  'refunds',
  'search',
  'lists',
] as const

/** Whether a buyer waits for the call, or a job makes it. */
export type Urgency = 'buyer' | 'background'

/** Calls a second, 0 or more; 0: no limit. */
export interface RequestLimits {
  readonly account: number
  /** Of each {@link Endpoint}. */
  readonly endpoint: number
}

/** What the budget says to operators. */
export interface BudgetLog {
  warn(facts: object, text: string): void
  info(text: string): void
}

/** What whoever calls the provider asks first. Nothing of it rejects. */
export interface CallBudget {
  /** False: calls are not counted. */
  readonly limited: boolean
  /**
   * Resolves to true when one call may be made now, and to false when none is to be had within
   * `maxMs` milliseconds, or too many wait. Those who wait are served in their order, buyers first.
   */
  take(
    endpoint: Endpoint,
    options: { readonly urgency: Urgency; readonly maxMs: number },
  ): Promise<boolean>
  /**
   * How many of `wanted` calls may be made at once, 0 or more, and in how many milliseconds to ask
   * for the rest (1 to 1,000). For a queue that keeps an order of its own; it passes those who wait
   * in {@link take}. Urgency: `buyer` unless said.
   */
  takeSome(
    endpoint: Endpoint,
    wanted: number,
    urgency?: Urgency,
  ): Promise<{ readonly granted: number; readonly againMs: number }>
  /**
   * The provider answered 429. `reason` is its header `Stripe-Rate-Limited-Reason`, or null. A rate
   * lowers what everybody gets; too many calls at once make everybody pause. A limit of one object
   * (`resource-specific`) says nothing of other calls.
   */
  throttled(endpoint: Endpoint, reason: string | null): void
  /** Calls a second that are allowed now, as far as this process knows; `Infinity`: no limit. */
  rate(endpoint: Endpoint): number
}

/** The budget of a provider without limits, such as the simulator. */
export const unlimitedBudget: CallBudget = {
  limited: false,
  take: async () => true,
  takeSome: async (_endpoint, wanted) => ({ granted: Math.max(0, wanted), againMs: 1 }),
  throttled: () => {},
  rate: () => Number.POSITIVE_INFINITY,
}
