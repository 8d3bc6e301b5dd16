/** What a buyer is told who asks to pay. */
import { AppError } from '../../kernel/errors.ts'
import type { CheckoutView } from '../reserve/checkout-repository.ts'

/** The answer to a confirm that did not fail: 200 when `confirmed`, 202 when `paying`. */
export interface Confirmed {
  /** `paying`: the bank wants the buyer, or nobody knows yet. */
  readonly status: 'confirmed' | 'paying'
  readonly orderId: string
  /** For the buyer's browser, when the bank wants the buyer. */
  readonly clientSecret: string | null
  /** How many payments are before it at the provider, from 0; null when it does not wait for them. */
  readonly position: number | null
  /** When to ask again, in milliseconds; 0 when it is confirmed. */
  readonly pollAfterMs: number
}

/** When a buyer who was told `paying` should ask again. */
const pollMs = { least: 1_000, most: 30_000 }

/** For a checkout that cannot be paid, or is paid already. */
export function answerOf({ id, status, orderId }: CheckoutView): Confirmed {
  if (status === 'confirmed') return confirmed(orderId ?? id)
  if (status === 'queued') {
    throw new AppError('overloaded', 'The checkout is not committed yet. Try again in a second.', {
      retryAfterSeconds: 1,
    })
  }
  if (status === 'expired' || status === 'reserved') {
    throw new AppError(
      'hold_expired',
      'The hold has expired, and its units have gone back. Check out again.',
    )
  }
  throw new AppError('invalid_transition', `A checkout that is ${status} cannot be paid.`)
}

/** The order is paid. */
export const confirmed = (orderId: string): Confirmed => ({
  status: 'confirmed',
  orderId,
  clientSecret: null,
  position: null,
  pollAfterMs: 0,
})

/** The payment goes on; `turnMs` is how long its turn takes to come, in milliseconds. */
export function paying(
  orderId: string,
  clientSecret: string | null,
  position: number | null = null,
  turnMs = 0,
): Confirmed {
  return { status: 'paying', orderId, clientSecret, position, pollAfterMs: pollAfter(turnMs) }
}

/** When to ask again, in milliseconds, about a payment whose turn comes in `turnMs`. */
export const pollAfter = (turnMs: number) => Math.min(Math.max(turnMs, pollMs.least), pollMs.most)

/** The bank declined the card; without attempts left, the hold has ended. */
export function declined(declineCode: string, attemptsLeft: number): AppError {
  const detail =
    attemptsLeft > 0
      ? 'The card was declined. The hold goes on; try another card.'
      : 'The card was declined, and no attempts are left. The units have gone back.'
  return new AppError('card_declined', detail, { members: { declineCode, attemptsLeft } })
}

/** Another card is wanted while the last attempt is at its bank. */
export function noneLeft(): AppError {
  return new AppError(
    'invalid_transition',
    'No attempts are left for another card. Answer the bank for the present one before the hold ends.',
    { members: { attemptsLeft: 0 } },
  )
}

/** Nobody could be asked, and the units have gone back. */
export function unavailable(): AppError {
  return new AppError(
    'payment_unavailable',
    'The payment provider cannot be reached. You pay nothing for units that have gone back.',
    { retryAfterSeconds: 5 },
  )
}
