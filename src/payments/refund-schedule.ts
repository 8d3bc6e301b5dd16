/**
 * When the shop asks again about money that should have gone back. Pure: the one place that says so, for refunds that
 * failed and for those that the provider does not end.
 */

const day = 86_400

/** A bank that returned a refund may take it later: an account was closed, and has a successor. */
const afterFailureSeconds = [day, 5 * day, 30 * day] as const
/** A refund that the provider has taken in ends within seconds, by an event, or within days, whose event may be lost. */
const usualSeconds = 3_600
const lookSeconds = [day, 5 * day, 30 * day] as const

/** From then on operators see a refund that is still pending. Seconds since it was written. */
export const overdueSeconds = 30 * day

/**
 * For a refund that failed: seconds until its money is asked for again. `round` counts how often that was done before.
 * Null: not any more; an operator has to look. Never throws.
 */
export function askAgainIn(round: number): number | null {
  return afterFailureSeconds[round] ?? null
}

/**
 * For a refund that the provider took in so many seconds ago, and that is still pending: seconds until it is looked up
 * next. Null: after the usual pauses, which grow to ten minutes. It never ends: after 30 days, every 30 days. Never
 * throws.
 */
export function lookAgainIn(takenSeconds: number): number | null {
  if (takenSeconds < usualSeconds) return null
  const next = lookSeconds.find((at) => at > takenSeconds)
  return next === undefined ? 30 * day : next - takenSeconds
}
