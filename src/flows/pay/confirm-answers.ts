/** What a buyer is told who asks to pay. */
import { AppError } from '../../kernel/errors.ts'
import type { CardFacts } from '../../payments/gateway.ts'
import type { CheckoutView } from '../reserve/checkout-repository.ts'
import type { Driven } from './drive.ts'

/** The answer to a confirm that did not fail: 200 when `confirmed`, 202 when `paying`. */
export interface Confirmed {
  /** `paying`: the bank wants the buyer, or nobody knows yet. */
  readonly status: 'confirmed' | 'paying'
  readonly orderId: string
  /** For the buyer's browser, when the bank wants the buyer. */
  readonly clientSecret: string | null
  /** Of the attempt that the answer is about, where the provider has named it. */
  readonly card: CardFacts | null
  /** How many payments are before it at the provider, from 0; null when it does not wait for them. */
  readonly position: number | null
  /** When to ask again, in milliseconds; 0 when it is confirmed. */
  readonly pollAfterMs: number
}

/** When a buyer who was told `paying` should ask again. */
const pollMs = { least: 1_000, most: 30_000 }
/** The provider is at it for longer than a buyer waits: milliseconds until they look again. */
export const atProviderMs = pollMs.most

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
export const confirmed = (orderId: string, card: CardFacts | null = null): Confirmed => ({
  ...{ status: 'confirmed', orderId, clientSecret: null, card },
  ...{ position: null, pollAfterMs: 0 },
})

/** The payment goes on; `turnMs` is how long its turn takes to come, in milliseconds. */
export function paying(
  orderId: string,
  more: Partial<Pick<Confirmed, 'clientSecret' | 'card' | 'position'>> & {
    readonly turnMs?: number
  } = {},
): Confirmed {
  const { clientSecret = null, card = null, position = null, turnMs = 0 } = more
  return {
    ...{ status: 'paying', orderId, clientSecret, card },
    ...{ position, pollAfterMs: pollAfter(turnMs) },
  }
}

/** When to ask again, in milliseconds, about a payment whose turn comes in `turnMs`. */
export const pollAfter = (turnMs: number) => Math.min(Math.max(turnMs, pollMs.least), pollMs.most)

/** The bank declined the card; without attempts left, the hold has ended. */
export function declined(
  declineCode: string,
  attemptsLeft: number,
  card: CardFacts | null,
): AppError {
  const detail =
    attemptsLeft > 0
      ? 'The card was declined. The hold goes on; try another card.'
      : 'The card was declined, and no attempts are left. The units have gone back.'
  return new AppError('card_declined', detail, {
    members: { declineCode, attemptsLeft, ...(card ? { card: { ...card } } : {}) },
  })
}

/** The provider would not make the attempt; `message` is in its words. */
export function refused({ why, message }: Extract<Driven, { readonly tag: 'refused' }>): AppError {
  if (why === 'other') return unavailable()
  const detail =
    why === 'method type'
      ? 'This payment method takes days. The shop takes only those that pay at once, such as cards.'
      : 'The payment provider does not accept this payment method.'
  return new AppError('validation_failed', detail, {
    errors: [{ path: 'paymentMethodId', message: message.slice(0, 200) }],
  })
}

/** Too many cards were declined; the hold goes on. */
export function braked(waitMs: number): AppError {
  return new AppError(
    'rate_limited',
    'Too many cards were declined within an hour. The hold goes on; Retry-After says when to try again.',
    { retryAfterSeconds: Math.ceil(waitMs / 1_000) },
  )
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
