/**
 * What is known of one purchase's money, and what may be changed of it. Both are plain values: rules
 * read the one and return the other, a {@link MoneyStore} loads and writes them.
 */
import type { Cause } from '../../../orders/order-state.ts'
import type { OrderState, Outcome } from '../../../orders/order-words.ts'
import type { BuyerDetails, CardFacts } from '../../../payments/gateway.ts'
import type { OutboxRow } from '../../../platform/outbox.ts'

/**
 * Where an attempt to charge stands. `waiting`: in the queue before the provider. `pending`: somebody
 * asks the provider. `requires_action`: the bank waits for the buyer. `replaced`: another card took its
 * place; only a success of its own bank can still move it. The others are final.
 */
export const attemptStates = [
  'waiting',
  'pending',
  'requires_action',
  'replaced',
  'succeeded',
  'declined',
  'abandoned',
] as const
export type AttemptState = (typeof attemptStates)[number]

/** Attempts without a verdict. A checkout has one at most. */
export const openStates = ['waiting', 'pending', 'requires_action'] as const

/** One attempt, as rules see it. */
export interface AttemptFacts {
  /** From 1. */
  readonly attempt: number
  readonly state: AttemptState
  /** The provider's. */
  readonly paymentMethodId: string
  /** The provider is at it, perhaps for days. */
  readonly processing: boolean
  /** It is known which card it is. */
  readonly cardKnown: boolean
}

/** The money of one checkout over all of its attempts, in minor units. */
export interface PaymentFacts {
  /** Null until an answer of the provider has named it. */
  readonly intentId: string | null
  readonly amount: number
  readonly currency: string
  readonly status: 'open' | 'succeeded' | 'canceled'
  readonly captured: number
  readonly refunded: number
  /** Units of the expired order are being taken again, for money that came late. */
  readonly reclaiming: boolean
}

/** One purchase at one moment. */
export interface MoneyFacts {
  readonly checkoutId: string
  /** Null when there is no order, which the provider may not know. */
  readonly order: {
    readonly state: OrderState
    readonly outcome: Outcome | null
    readonly buyerId: string
    /** Null when it was never reserved. */
    readonly number: number | null
    /** Its deadline has passed. */
    readonly overdue: boolean
  } | null
  /** Null before the first attempt. */
  readonly payment: PaymentFacts | null
  /** All of them, by number. */
  readonly attempts: readonly AttemptFacts[]
}

/** What becomes of one attempt. */
export interface AttemptChange {
  readonly attempt: number
  readonly state: AttemptState
  /** Of a decline, or why the attempt was abandoned; up to 100 characters are kept. */
  readonly declineCode?: string
  readonly clientSecret?: string | null
  /** Null leaves what is known. */
  readonly card?: CardFacts | null
  /** The provider is at it, perhaps for days; without it, no longer. */
  readonly processing?: boolean
}

/** What one decision changes. What is not named stays as it is. */
export interface MoneyChange {
  readonly order?: {
    readonly by: Extract<Cause, 'payment' | 'late money'>
    readonly to: OrderState
    readonly outcome?: Outcome
    /** Null clears it; undefined leaves it. */
    readonly reason?: string | null
  }
  /** An entry of the order's history, in the words that are shown. */
  readonly history?: { readonly from: string; readonly to: string; readonly reason: string }
  readonly payment?: {
    /** Which intent is the checkout's, from now on. */
    readonly intentId?: string
    readonly status?: 'succeeded' | 'canceled'
    readonly captured?: number
    /** Units are being taken again for money that came late; false: they are not, any more. */
    readonly reclaiming?: boolean
    /** Why an operator has to look at it; up to 500 characters are kept. */
    readonly flagged?: string
  }
  readonly attempt?: AttemptChange
  /** Of a second attempt, that the first one settles as well. */
  readonly otherAttempt?: AttemptChange
  /** A next attempt, after what becomes of those before; written before the provider hears of it. */
  readonly begin?: {
    readonly attempt: number
    readonly paymentMethodId: string
    /** It goes into the queue; else the caller drives it from now on, and has its lease. */
    readonly queue: boolean
    readonly details: BuyerDetails | null
  }
  /**
   * What becomes of the units: sold, given back by a hold that ended, taken again after it, or given
   * back after they were taken again.
   */
  readonly units?: {
    readonly how: 'sell' | 'release' | 'reclaim' | 'return'
    readonly reason: string
  }
  /** Asks for all that was captured and is not on its way back. */
  readonly refund?: { readonly reason: string }
  readonly tell?: readonly OutboxRow[]
}

/** The attempt without a verdict, if there is one. */
export function openAttemptOf({ attempts }: Pick<MoneyFacts, 'attempts'>): AttemptFacts | null {
  const open: readonly string[] = openStates
  return attempts.find(({ state }) => open.includes(state)) ?? null
}
