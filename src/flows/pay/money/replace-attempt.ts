/**
 * The rules of another card while the bank waits for the buyer. Pure. All cards of a checkout are
 * confirmed on its one intent: the provider takes the money of one of them at most, whatever the bank
 * of the first still says.
 */
import type { IntentFacts } from '../../../payments/gateway.ts'
import { attemptsMax } from './attempts-max.ts'
import { type AttemptFacts, type MoneyChange, type MoneyFacts, openAttemptOf } from './facts.ts'
import type { Attempt, BeginRequest } from './store.ts'

/** What a buyer wants to pay with instead. */
export type OtherMethod = Pick<BeginRequest, 'paymentMethodId' | 'queue'> & Pick<Attempt, 'details'>

/**
 * The outcome of asking for another card. `begun`: its attempt begins, and the one before is replaced.
 * `none left`: no attempts are left but the one at the bank. `unchanged`: there is nothing to replace.
 */
export type Replacement =
  | { readonly tag: 'begun'; readonly attempt: Attempt; readonly change: MoneyChange }
  | { readonly tag: 'none left' | 'unchanged'; readonly change: null }

/**
 * For a confirm with another payment method: replaces an attempt whose bank waits for the buyer. A
 * replaced attempt counts as a declined one does. `declinesMax` is 1 or more. Never throws.
 */
export function decideReplacement(
  facts: MoneyFacts,
  { paymentMethodId, queue, details }: OtherMethod,
  { declinesMax }: { readonly declinesMax: number },
): Replacement {
  const { checkoutId, order, payment, attempts } = facts
  const open = openAttemptOf(facts)
  const atBank = open?.state === 'requires_action' && open.paymentMethodId !== paymentMethodId
  const live = order?.state === 'paying' && !order.overdue && payment?.status === 'open'
  if (!atBank || !live) return { tag: 'unchanged', change: null }
  const left = Math.min(declinesMax - failuresOf(facts), attemptsMax - attempts.length) - 1
  if (left <= 0) return { tag: 'none left', change: null }
  const { intentId, amount, currency } = payment
  const { buyerId, number: orderNumber } = order
  const attempt = attempts.length + 1
  return {
    tag: 'begun',
    attempt: {
      ...{ checkoutId, buyerId, orderNumber, attempt, paymentMethodId, details },
      ...{ intentId, amount, currency },
      ...{ again: false, keyRound: 0, sentSecondsAgo: 0 },
    },
    change: {
      attempt: { attempt: open.attempt, state: 'replaced' },
      begin: { attempt, paymentMethodId, queue, details },
    },
  }
}

/** Attempts that count against the declines that a checkout may have. */
export function failuresOf({ attempts }: Pick<MoneyFacts, 'attempts'>): number {
  return attempts.filter(({ state }) => state === 'declined' || state === 'replaced').length
}

/**
 * Which attempt the provider's word is about: the open one, unless it names the card of one that was
 * replaced. (In its test mode the provider calls cards by other names than the shop does; then it is
 * the open one.) Null when no attempt is meant.
 */
export function attemptAbout(
  facts: Pick<MoneyFacts, 'attempts'>,
  { paymentMethodId }: Pick<IntentFacts, 'paymentMethodId'>,
): AttemptFacts | null {
  const open = openAttemptOf(facts)
  if (paymentMethodId === null || open?.paymentMethodId === paymentMethodId) return open
  const replaced = facts.attempts.filter(({ state }) => state === 'replaced')
  return replaced.findLast((each) => each.paymentMethodId === paymentMethodId) ?? open
}
