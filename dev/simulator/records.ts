/**
 * What the simulator remembers. Records are never changed, only replaced: an event and a stored answer hold
 * the very record of their moment, and the whole Stripe object is written out when somebody asks for it.
 */
import type Stripe from 'stripe'

export type PaymentIntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled'

export type Metadata = Readonly<Record<string, string>>

/** A failed attempt, as `last_payment_error` tells it. */
export interface PaymentError {
  readonly type: 'card_error' | 'invalid_request_error'
  readonly code: string
  readonly declineCode: string | null
  readonly message: string
  readonly charge: string | null
  readonly paymentMethod: string
}

export interface PaymentIntentRecord {
  readonly id: string
  /** Seconds since the epoch, as every time here. */
  readonly created: number
  readonly amount: number
  readonly currency: string
  readonly status: PaymentIntentStatus
  readonly captureMethod: 'automatic' | 'automatic_async' | 'manual'
  readonly confirmationMethod: 'automatic' | 'manual'
  readonly paymentMethod: string | null
  readonly customer?: string | null
  readonly secret: string
  readonly metadata: Metadata
  readonly description: string | null
  readonly receiptEmail: string | null
  readonly amountCapturable: number
  readonly amountReceived: number
  readonly canceledAt: number | null
  readonly cancellationReason: Stripe.PaymentIntent.CancellationReason | null
  /** Every attempt, the latest last. */
  readonly charges: readonly string[]
  readonly lastError: PaymentError | null
  /** Where the bank sends the buyer back to. */
  readonly returnUrl: string | null
  /** Where the bank asks the buyer, while it does. */
  readonly bankUrl: string | null
  /** The shop's page asks the buyer by Stripe.js, even when there is a page to come back to. */
  readonly sdk?: boolean
  /** Types of payment methods that it does not take. */
  readonly excluded?: readonly string[]
  readonly shipping?: Shipping | null
  readonly statementSuffix?: string | null
  readonly review?: string | null
}

/** Where the goods go; members as Stripe names them, null where they were not sent. */
export interface Shipping {
  readonly name: string
  readonly phone: string | null
  readonly address: Readonly<
    Record<'city' | 'country' | 'line1' | 'line2' | 'postal_code' | 'state', string | null>
  >
}

export interface ChargeRecord {
  readonly id: string
  readonly created: number
  readonly paymentIntent: string
  readonly paymentMethod: string
  readonly amount: number
  readonly amountCaptured: number
  readonly amountRefunded: number
  readonly currency: string
  readonly captured: boolean
  readonly status: 'succeeded' | 'pending' | 'failed'
  readonly failure: {
    readonly code: string
    readonly message: string
    readonly reason: string
  } | null
  readonly metadata: Metadata
  readonly description: string | null
  readonly receiptEmail: string | null
  readonly shipping?: Shipping | null
  readonly statementSuffix?: string | null
  readonly refunds: readonly string[]
  readonly disputes?: readonly string[]
  /** A warning of its issuer. */
  readonly warning?: string | null
  readonly review?: string | null
  readonly risk?: 'normal' | 'elevated' | 'highest'
  /** Refused before the bank was asked. */
  readonly blocked?: boolean
}

export interface RefundRecord {
  readonly id: string
  readonly created: number
  readonly charge: string
  readonly paymentIntent: string
  readonly amount: number
  readonly currency: string
  readonly status: 'pending' | 'requires_action' | 'succeeded' | 'failed' | 'canceled'
  readonly reason: Stripe.Refund.Reason | null
  readonly failureReason: string | null
  readonly metadata: Metadata
}

export interface DisputeRecord {
  readonly id: string
  readonly created: number
  readonly charge: string
  readonly paymentIntent: string
  readonly paymentMethod: string
  readonly amount: number
  readonly currency: string
  readonly reason: string
  readonly status:
    | 'warning_needs_response'
    | 'warning_under_review'
    | 'warning_closed'
    | 'needs_response'
    | 'under_review'
    | 'won'
    | 'lost'
  /** A question of the bank's: no money has moved. */
  readonly inquiry: boolean
  readonly evidence: Readonly<Record<string, string>>
  readonly submissions: number
  readonly dueBy: number
  readonly metadata: Metadata
  /** What was taken from the account, and given back. */
  readonly movements: readonly {
    readonly id: string
    readonly at: number
    readonly amount: number
  }[]
}

export interface WarningRecord {
  readonly id: string
  readonly created: number
  readonly charge: string
  readonly paymentIntent: string
  readonly actionable: boolean
  readonly fraudType: string
}

export interface ReviewRecord {
  readonly id: string
  readonly created: number
  readonly charge: string
  readonly paymentIntent: string
  /** Null while it is open. */
  readonly closedReason: 'approved' | 'refunded' | 'refunded_as_fraud' | 'disputed' | null
}

export interface CustomerRecord {
  readonly id: string
  readonly created: number
  readonly email: string | null
  readonly name: string | null
  readonly phone: string | null
  readonly description: string | null
  readonly metadata: Metadata
}

/** Every kind of object, by the prefix of its ids. */
export interface Records {
  readonly pi: PaymentIntentRecord
  readonly ch: ChargeRecord
  readonly re: RefundRecord
  readonly du: DisputeRecord
  readonly issfr: WarningRecord
  readonly prv: ReviewRecord
  readonly cus: CustomerRecord
}
export type Kind = keyof Records

/** An object, with its kind. */
export type Snapshot = {
  readonly [K in Kind]: { readonly kind: K; readonly record: Records[K] }
}[Kind]

export const eventTypes = [
  'payment_intent.created',
  'payment_intent.requires_action',
  'payment_intent.processing',
  'payment_intent.amount_capturable_updated',
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'charge.refunded',
  'charge.refund.updated',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
  'radar.early_fraud_warning.created',
  'radar.early_fraud_warning.updated',
  'review.opened',
  'review.closed',
  'customer.created',
  'customer.updated',
] as const
export type EventType = (typeof eventTypes)[number]

export interface EventRecord {
  readonly id: string
  readonly created: number
  readonly type: EventType
  readonly object: Snapshot
  /** The object before, where the event tells what changed. */
  readonly previous?: Snapshot | undefined
  /** The request that caused it; null when time or the buyer did. */
  readonly requestId: string | null
  readonly idempotencyKey: string | null
}

/** The members of `error` in an answer, as far as they are texts. */
export interface ErrorFields {
  readonly type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error'
  readonly message: string
  readonly code?: string
  readonly decline_code?: string
  readonly param?: string
  readonly charge?: string
  readonly doc_url?: string
}

/** An answer that can be given again, word for word. */
export interface Answer {
  readonly status: number
  readonly error: ErrorFields | null
  /** The object itself, or the PaymentIntent that an error is about. */
  readonly object: Snapshot | null
  /** Each stands in the object in place of its id, because `expand` asked for it. */
  readonly expanded: readonly Snapshot[]
  /** The same, of the payment method of a PaymentIntent, which is no object of its own here. */
  readonly methodShown?: boolean
}
