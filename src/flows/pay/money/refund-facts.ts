/**
 * What is known of one purchase's refunds, and what may be changed of them. Plain values: rules read the one and return
 * the other, a {@link RefundStore} loads and writes them.
 */
import type { OrderState, Outcome } from '../../../orders/order-words.ts'
import type { PaymentFacts } from './facts.ts'

/** Who began a refund: the shop, or somebody at the provider. */
export type RefundOrigin = 'shop' | 'provider'
/** A refund is `pending` until it has succeeded or failed; one that had succeeded may still fail, for good. */
export type RefundState = 'pending' | 'succeeded' | 'failed'

/** What a refund is about: `back` of its `units` return to the stock, `amount` of its money is for them. */
export interface RefundedLine {
  readonly sku: string
  readonly units: number
  readonly back: number
  /** Minor units. */
  readonly amount: number
}

/** One refund, whoever began it. */
export interface RefundEntry {
  readonly id: string
  readonly origin: RefundOrigin
  /** The provider's id; null until it has named one. */
  readonly providerId: string | null
  /** Minor units. */
  readonly amount: number
  readonly state: RefundState
  /** Why it was decided: `cancelled`, `late`, `seller`, `operator`, `provider`. */
  readonly reason: string
  /** What whoever asked for it wrote. */
  readonly note: string | null
  /** Whose lines it is about; null: the whole order. */
  readonly sellerId: string | null
  /** How often its money had been asked for before. */
  readonly round: number
  /** Since the provider took it in; null when it is not known to have. */
  readonly takenSeconds: number | null
  /** It failed, and its money is to be asked for again now. */
  readonly due: boolean
  /** The refund that took its place. */
  readonly nextId: string | null
  readonly lines: readonly RefundedLine[]
}

/** A line of the order, as refunds see it. */
export interface RefundableLine {
  readonly sku: string
  readonly sellerId: string | null
  readonly quantity: number
  /** At the time of sale, in minor units. */
  readonly unitPrice: number
}

/** The refunds of one purchase at one moment, the oldest first. */
export interface RefundBook {
  readonly checkoutId: string
  readonly order: {
    readonly state: OrderState
    readonly outcome: Outcome | null
    /** Of an order that is refunded: what it was before. */
    readonly before: OrderState | null
  } | null
  readonly payment: PaymentFacts | null
  readonly refunds: readonly RefundEntry[]
  readonly lines: readonly RefundableLine[]
}

/** A refund that is to be written. */
export interface NewRefund
  extends Pick<RefundEntry, 'id' | 'origin' | 'amount' | 'state' | 'reason'> {
  readonly providerId?: string | null
  readonly note?: string | null
  readonly sellerId?: string | null
  readonly round?: number
  readonly lines?: readonly RefundedLine[]
  /** Who called the API for it, and with which key. */
  readonly asked?: { readonly by: string; readonly key: string; readonly fingerprint: string }
}

/** What becomes of a refund. What is not named stays as it is. */
export interface RefundMove {
  readonly id: string
  readonly state?: RefundState
  readonly providerId?: string
  /** Up to 500 characters are kept; null clears it. */
  readonly error?: string | null
  /** Seconds until it is asked about, or for, again; null: in the usual pauses, or never. */
  readonly againIn?: number | null
  readonly nextId?: string
}

/** What one decision about refunds changes: moves first, in their order, then what is new. */
export interface RefundChange {
  readonly moves: readonly RefundMove[]
  readonly written: readonly NewRefund[]
  /** What is back, of the payment, from now on. Minor units. */
  readonly refunded: number
  readonly order: {
    readonly by: 'refund' | 'bank'
    readonly to: OrderState
    /** For the history, in the words that are shown. */
    readonly reason: string
  } | null
  /** Refunds of which the buyer is told. */
  readonly told: readonly Pick<RefundEntry, 'id' | 'amount' | 'reason'>[]
  /** Why an operator has to look at the payment. */
  readonly flagged: string | null
  /** Units that return to the stock. */
  readonly back: readonly { readonly sku: string; readonly units: number }[]
}

/** Refunds of which the buyer was told that they are back, and which fail now all the same. For the stores. Never throws. */
export function corrections(
  refunds: readonly RefundEntry[],
  { moves }: RefundChange,
): readonly RefundEntry[] {
  const fails = (id: string) => moves.some((move) => move.id === id && move.state === 'failed')
  return refunds.filter(({ id, state }) => state === 'succeeded' && fails(id))
}

/** What a refund counts for: its money is on its way back, or back. */
export function counts({ state }: Pick<RefundEntry, 'state'>): boolean {
  return state !== 'failed'
}

/** Minor units that were captured and are neither back nor on their way. Never negative. */
export function leftOf({ payment, refunds }: Pick<RefundBook, 'payment' | 'refunds'>): number {
  const given = refunds.filter(counts).reduce((sum, { amount }) => sum + amount, 0)
  return Math.max(0, (payment?.captured ?? 0) - given)
}
