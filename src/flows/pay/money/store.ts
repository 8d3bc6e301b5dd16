/**
 * What moving money needs from PostgreSQL. Flows use this interface and nothing else for it, so that
 * the whole life of a payment also runs in memory, on one thread, under a virtual clock.
 *
 * Three rules hold for every verb:
 * - It is one atomic step. No caller ever sees half of it.
 * - A rejection means that the outcome is unknown: whoever asked reads again.
 * - Amounts are minor units. Times are the store's; leases and pauses are seconds.
 *
 * A **lease** says until when somebody drives an attempt: asks the provider, or waits for its answer.
 * Until then everybody else leaves the attempt alone, and the sweep leaves its hold alone.
 */
import type { CheckoutWord } from '../../../orders/order-words.ts'
import type {
  BuyerDetails,
  CardFacts,
  IntentFacts,
  RefundFacts,
} from '../../../payments/gateway.ts'
import type { DueRefund } from '../../../payments/refunds.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import type { ReclaimedLine } from './decide-reclaim.ts'
import type { MoneyChange, MoneyFacts, PaymentFacts } from './facts.ts'
import type { RefundBook, RefundChange } from './refund-facts.ts'

/** A lease lasts so long; whoever drives the attempt for longer renews it. */
export const leaseSeconds = 15
/** How long the provider is left alone with an attempt that has no verdict yet. */
export const askAgainSeconds = 30

/** Which checkout a buyer pays, and with what; `paymentMethodId` is the provider's. */
export interface BeginRequest {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
  /** What the provider is told of the buyer; kept as long as the attempt has no verdict. */
  readonly details?: BuyerDetails | null
  /** The attempt goes into the queue; else the caller drives it from now on, and has its lease. */
  readonly queue: boolean
}

/** An attempt that somebody drives. */
export interface Attempt {
  readonly checkoutId: string
  /** From 1. */
  readonly attempt: number
  readonly paymentMethodId: string
  /** Null until the provider has named the checkout's intent. */
  readonly intentId: string | null
  readonly amount: number
  readonly currency: string
  readonly buyerId: string
  /** As the buyer knows the order. */
  readonly orderNumber: number | null
  readonly details: BuyerDetails | null
  /** The provider may have been asked before: what a key replays may be out of date. */
  readonly again: boolean
  /** Counts the keys of this attempt, from 0: a key under which a failure is stored is left behind. */
  readonly keyRound: number
  /** Since the provider was first asked; 0 when it has not been. */
  readonly sentSecondsAgo: number
}

/** An attempt without a verdict, as whoever takes it over finds it. */
export interface OpenAttempt extends Attempt {
  readonly state: 'waiting' | 'pending' | 'requires_action'
  /** Whether the checkout has ended: nothing more may be charged for it. */
  readonly ended: boolean
  /** The provider is at it, perhaps for days: it is looked at, and never asked for again. */
  readonly processing: boolean
}

/** What the provider says was paid. */
export type PaidFacts = Pick<IntentFacts, 'amount' | 'amountReceived' | 'currency'> & {
  readonly card?: CardFacts | null
  /** Null when there was nothing to pay. */
  readonly id: string | null
}

/** Where a checkout stands before the provider, for whoever waits for its verdict. */
export interface PaymentView {
  /** The checkout's word. */
  readonly status: string
  /** Of the attempt that paid, else of the latest; null before the first. The same of what follows. */
  readonly state: string | null
  readonly declineCode: string | null
  readonly clientSecret: string | null
  readonly paymentMethodId: string | null
  readonly card: CardFacts | null
  /** The provider is at it, perhaps for days. */
  readonly processing: boolean
  /** Attempts that were declined, or replaced by another card. */
  readonly declines: number
  /** How many attempts are before it in the queue, from 0; null when it does not wait. */
  readonly position: number | null
  /** Whoever drove the attempt is gone. */
  readonly leaseOver: boolean
}

/** A payment and whose it is. */
export type KnownPayment = PaymentFacts & { readonly checkoutId: string }

/** Which attempt, by its checkout and number. */
export type AttemptId = Pick<Attempt, 'checkoutId' | 'attempt'>

/** A buyer gives a hold back before it is paid. */
export interface GiveUpRequest {
  readonly checkoutId: string
  readonly buyerId: string
  /** Also while the bank waits for the buyer. */
  readonly alsoAtBank: boolean
  /** The id is one of this buyer's: a checkout that is not committed yet is buried. */
  readonly bury: boolean
}

/** What giving a hold up comes to. `done`: it has ended unpaid, now or before. */
export type GivenUp =
  | { readonly tag: 'done'; readonly commands: readonly StockCommand[] }
  | { readonly tag: 'unknown' }
  | { readonly tag: 'too late'; readonly status: CheckoutWord }

/** Money on its way back. A refund is `pending` until it has succeeded or failed. */
export interface RefundStore {
  /** Takes refunds that are due, the oldest first, `max` at most; one is due again after a growing pause. */
  claimRefunds(max: number): Promise<readonly DueRefund[]>
  /** Of a pending one: why it is not done yet. */
  noteRefund(id: string, error: string): Promise<void>
  /**
   * Locks the purchase, asks `decide` once what is to be changed of its refunds, and changes it: all of it or nothing.
   * Never more goes back than was captured, whatever is decided: such a change rejects. Returns what was decided, and the
   * commands to post. What `decide` throws passes through.
   */
  changeRefunds<T extends { readonly change: RefundChange | null }>(
    checkoutId: string,
    decide: (book: RefundBook, freshId: () => string) => T,
  ): Promise<{ readonly decided: T; readonly commands: readonly StockCommand[] }>
  /** Whose refund the provider speaks of: by our id, by its own, by its intent; null: nobody's. */
  checkoutOfRefund(
    refund: Pick<RefundFacts, 'id' | 'refundId' | 'intentId'>,
  ): Promise<string | null>
  /** Refunds that failed and whose money is to be asked for again now, `max` at most. */
  failedRefundsDue(
    max: number,
  ): Promise<readonly { readonly id: string; readonly checkoutId: string }[]>
}

/** The money of all purchases. */
export interface MoneyStore extends RefundStore {
  /**
   * `reserved` becomes `paying`, and the attempt is written before the provider hears of it; both or
   * neither. Amount and currency are the order's. Null: not this buyer's, not reserved, or too late.
   */
  begin(request: BeginRequest): Promise<Attempt | null>
  /**
   * The usual end of it, and the same as deciding about a success: an order that is reserved or being
   * paid is paid, if amount, currency and intent are its own. Returns the commands that sell its units;
   * null when nothing was changed, and always after a card was replaced by another: the rules decide then.
   */
  capture(checkoutId: string, facts: PaidFacts): Promise<StockCommand[] | null>
  /**
   * Locks the purchase, asks `decide` once what is to be changed, and changes it. Returns what was
   * decided, and the commands to post. What `decide` throws passes through, and nothing is changed.
   */
  change<T extends { readonly change: MoneyChange | null }>(
    checkoutId: string,
    decide: (facts: MoneyFacts) => T,
  ): Promise<{ readonly decided: T; readonly commands: readonly StockCommand[] }>
  /** The payment whose intent it is; null when nobody's. */
  byIntent(intentId: string): Promise<KnownPayment | null>
  /** The same by checkout; null before the first attempt. */
  payment(checkoutId: string): Promise<KnownPayment | null>
  /** The open payment of a checkout that has ended unpaid; null for every other. */
  ended(checkoutId: string): Promise<KnownPayment | null>
  /** The attempt without a verdict, or null. */
  open(checkoutId: string): Promise<OpenAttempt | null>
  /** For a buyer who waits; null when the checkout is not theirs. */
  view(checkoutId: string, buyerId: string): Promise<PaymentView | null>
  /** How many attempts wait in the queue; nobody counts beyond `max`. */
  countWaiting(max: number): Promise<number>
  /** Takes the first attempts of the queue, `max` at most, and their leases. */
  takeWaiting(max: number): Promise<Attempt[]>
  /** Puts attempts back where they were in the queue: the provider could not be asked. */
  putBack(attempts: readonly AttemptId[]): Promise<void>
  /** Takes attempts whose lease is over, `max` at most, and their leases: whoever drove them is gone. */
  takeOverdue(max: number): Promise<OpenAttempt[]>
  /** Goes on driving attempts for `seconds` from now; those with a verdict are left alone. */
  lease(attempts: readonly AttemptId[], seconds: number): Promise<void>
  /** From now on the attempt uses the next key, if it still uses that of `keyRound`. */
  leaveKey(attempt: AttemptId, keyRound: number): Promise<boolean>
  /** Lines of an order whose units are taken again; null while an owner has not answered. */
  reclaimedLines(checkoutId: string): Promise<readonly ReclaimedLine[] | null>
  /** Checkouts whose units have been taken again for `seconds` or longer, `max` at most. */
  overdueReclaims(seconds: number, max: number): Promise<readonly string[]>
  /**
   * Ends holds whose deadline has passed, `max` at most, and returns the commands that release their
   * units. One whose payment waits for its turn, or is driven by somebody, is spared for up to an hour; one whose
   * payment is being processed by the provider, for up to 14 days.
   */
  expireDue(
    max: number,
  ): Promise<{ readonly count: number; readonly commands: readonly StockCommand[] }>
  /** Ends the hold of a buyer who wants it no more, if no money is involved. */
  giveUp(request: GiveUpRequest): Promise<GivenUp>
}
