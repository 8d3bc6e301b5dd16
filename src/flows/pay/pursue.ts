/**
 * Brings a payment to a verdict, wherever it was left: by a crash, a lost reply, or a lost event.
 */
import { chargeOf } from '../../payments/stripe-words.ts'
import { cancelIntent } from './cancel-intent.ts'
import { type Driven, driveAttempt } from './drive.ts'
import { askAgainSeconds, type OpenAttempt } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settlePayment } from './settle.ts'

/**
 * For the reconciler and for a confirm that joins: settles an attempt without a verdict; null when it
 * has none yet. What is payable is charged under the same key, which charges nothing twice; the intent
 * of what has ended is cancelled, which throws as {@link cancelIntent}.
 */
export async function pursuePayment(deps: MoneyDeps, open: OpenAttempt): Promise<Driven | null> {
  const { checkoutId, attempt, state, intentId, processing } = open
  if (processing) await deps.store.lease([open], lookAgainSeconds(open))
  if (open.ended) {
    await cancelIntent(deps, checkoutId)
    return null
  }
  // Nobody has taken this call from the budget: it is not the queue's turn.
  if (state === 'pending' && !processing) return driveAttempt({ ...deps, counted: false }, open)
  // It waits for its turn, or for its buyer.
  if (state === 'waiting' || intentId === null) return null
  if (!processing) await deps.store.lease([open], askAgainSeconds)
  const answer = await deps.gateway.retrieveIntent(intentId)
  if (answer.tag !== 'intent') return null
  const shown = chargeOf(answer.intent)
  if (shown.tag === 'unknown' || shown.tag === 'refused') return null
  const settlement = await settlePayment(deps, checkoutId, shown, attempt)
  return { tag: 'settled', settlement, card: answer.intent.card }
}

/** A debit takes days: it is looked at every hour in the end. Its event is usually earlier. */
const lookAtMostSeconds = 3_600

/** A quarter of the time that it has been under way. */
function lookAgainSeconds({ sentSecondsAgo }: OpenAttempt): number {
  return Math.min(lookAtMostSeconds, Math.max(askAgainSeconds, Math.ceil(sentSecondsAgo / 4)))
}
