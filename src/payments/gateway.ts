/** The payment provider as the shop sees it. Every answer is a value; only a bug of ours throws. */

/** Minor units, and an ISO 4217 code in capitals. */
export interface Amount {
  readonly amount: number
  readonly currency: string
}

/** Where a PaymentIntent stands, in the words of the provider. */
export type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'succeeded'
  | 'canceled'

/** What a buyer recognizes a card by: its brand in the provider's words, and its last four digits. */
export interface CardFacts {
  readonly brand: string
  readonly last4: string
}

/** Which payment methods the shop takes: those that pay at once, or also those that take days. */
export type PaymentMethods = 'immediate' | 'any'

/** What the provider says of a PaymentIntent. `amount` is what it asks for, in minor units. */
export interface IntentFacts extends Amount {
  readonly id: string
  readonly status: IntentStatus
  /** Minor units that were taken from the buyer. */
  readonly amountReceived: number
  /** From the metadata; null for an intent that this shop did not make. */
  readonly checkoutId: string | null
  readonly clientSecret: string | null
  /** Of the last attempt that failed. */
  readonly declineCode: string | null
  /** What it is being paid with, was paid with, or could not be paid with at last. */
  readonly paymentMethodId: string | null
  /** The card behind it, where the answer names one. */
  readonly card: CardFacts | null
}

/** An answer: the provider did not do it, and would not do it if it were asked again. */
export interface RefusedByProvider {
  readonly tag: 'refused'
  readonly code: string
  /** The parameter at fault, such as `payment_method`. */
  readonly param: string | null
  readonly message: string
  /** The intent as it stands, when the refusal is about its state. */
  readonly intent: IntentFacts | null
}

/**
 * Why there is no verdict. `away`: no connection, a lost reply, a failure on their side; whether it was
 * done is not known. `in_use`: the same key is being worked on at this moment. `stored`: the provider
 * has kept a failure of its own under the key, and will repeat it for a day. `busy` (too many requests)
 * and `barred` (a wrong or revoked key, a missing permission): it was not done, this time.
 */
export type WhyUnknown = 'away' | 'in_use' | 'stored' | 'busy' | 'barred'

/** An answer without a verdict. Whoever asked asks again, with the same key unless it is `stored`. */
export interface Unknown {
  readonly tag: 'unknown'
  readonly why: WhyUnknown
  readonly message: string
  /** Of `busy`: the limit that was met, in the provider's words, if it named one. */
  readonly limit?: string
}

/** An answer: the intent as it stands. */
export interface Found {
  readonly tag: 'intent'
  readonly intent: IntentFacts
}

/** What asking for, making or cancelling an intent comes to. */
export type IntentAnswer = Found | RefusedByProvider | Unknown

/**
 * What became of one attempt to charge. With `requires_action` the buyer must act, with
 * `processing` the provider; after `unknown`, whoever asked looks again. The others are final.
 */
export type Charge =
  | {
      readonly tag: 'succeeded' | 'requires_action' | 'processing' | 'canceled'
      readonly intent: IntentFacts
    }
  | { readonly tag: 'declined'; readonly intent: IntentFacts; readonly declineCode: string }
  | RefusedByProvider
  | Unknown

/** What the provider says of a refund. A refund that it cancelled counts as failed. */
export interface RefundFacts {
  readonly id: string
  readonly status: 'pending' | 'succeeded' | 'failed'
  /** Minor units. */
  readonly amount: number
  /** The refund of ours that asked for it; null for one that somebody made at the provider. */
  readonly refundId: string | null
  /** Whose money it is; null for a charge without an intent, which is none of ours. */
  readonly intentId: string | null
}

/** What asking for a refund comes to. */
export type RefundAnswer =
  | { readonly tag: 'refund'; readonly refund: RefundFacts }
  | RefusedByProvider
  | Unknown

/** What the provider is told of a buyer for one attempt. */
export interface BuyerDetails {
  /** Where the provider sends its receipt to. */
  readonly receiptEmail?: string
  /** Where the goods go; the provider judges by it whether the card is a stolen one. */
  readonly shipping?: {
    readonly name: string
    readonly phone?: string | undefined
    readonly address: {
      readonly line1: string
      readonly line2?: string | undefined
      readonly city?: string | undefined
      readonly state?: string | undefined
      readonly postalCode?: string | undefined
      /** ISO 3166-1, two letters. */
      readonly country: string
    }
  }
  /** From where the buyer has accepted that an account is debited. */
  readonly acceptance?: { readonly ip: string; readonly userAgent: string }
}

/** A checkout to be charged under a key. */
export interface NewCharge extends Amount {
  readonly checkoutId: string
  readonly buyerId: string
  /** As the buyer knows the order; null when it has none. */
  readonly orderNumber: number | null
  readonly details: BuyerDetails | null
  readonly key: string
}

/** How one call to the provider is made. */
export interface CallOptions {
  /** Milliseconds until the call counts as unanswered. */
  readonly timeoutMs?: number
  /** Whoever calls has taken the call from the budget of calls. */
  readonly counted?: boolean
}

/**
 * What charging, settling and refunding ask the provider with: one call each, tried once. Amounts
 * are minor units. The same key with the same arguments has one effect, for 24 hours or more.
 */
export interface PaymentGateway {
  /** Makes the checkout's intent and confirms it, in one call. */
  createAndConfirm(
    request: NewCharge & { readonly paymentMethodId: string },
    options?: CallOptions,
  ): Promise<Charge>
  /**
   * Makes sure that the key of a {@link createAndConfirm} charges nothing any more: a request that is
   * still on its way finds it taken. `unused`: it was not taken yet; the answer's intent took it, and
   * was never confirmed. `used`: the provider has carried a request out under it.
   */
  burnKey(
    request: NewCharge,
    options?: CallOptions,
  ): Promise<
    | { readonly tag: 'unused'; readonly intent: IntentFacts }
    | { readonly tag: 'used' }
    | RefusedByProvider
    | Unknown
  >
  /**
   * The intents of a checkout, by their metadata, of those that were made around `aroundMs`: five
   * minutes before to five minutes after it. Reads the provider's list, which shows at once what was
   * made, and not its search, which lags.
   */
  findIntents(
    request: { readonly checkoutId: string; readonly aroundMs: number },
    options?: CallOptions,
  ): Promise<
    | { readonly tag: 'intents'; readonly intents: readonly IntentFacts[] }
    | RefusedByProvider
    | Unknown
  >
  confirmIntent(
    request: Pick<NewCharge, 'details' | 'key'> & {
      readonly intentId: string
      readonly paymentMethodId: string
    },
    options?: CallOptions,
  ): Promise<Charge>
  /** Whether the provider knows our key: null when it does, else why it does not, or cannot be asked. */
  checkAccess(options?: CallOptions): Promise<Unknown | null>
  retrieveIntent(intentId: string, options?: CallOptions): Promise<IntentAnswer>
  /** Refused, with the intent as it stands, when it is too late. */
  cancelIntent(intentId: string, options?: CallOptions): Promise<IntentAnswer>
  createRefund(
    request: {
      readonly intentId: string
      readonly amount: number
      readonly refundId: string
      readonly key: string
    },
    options?: CallOptions,
  ): Promise<RefundAnswer>
  /** The refunds of one intent, a hundred at most. */
  listRefunds(
    intentId: string,
    options?: CallOptions,
  ): Promise<
    | { readonly tag: 'refunds'; readonly refunds: readonly RefundFacts[] }
    | RefusedByProvider
    | Unknown
  >
}
