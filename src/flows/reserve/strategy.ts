/** How stock is reserved: the actor, and beside it the ways the field does it today. */
import type { ProblemCode, ProblemExtras } from '../../kernel/errors.ts'
import type { CheckoutWord } from '../../orders/order-words.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'

/** So many units of one SKU, in a purchase or in a checkout. */
export interface Line {
  readonly sku: string
  /** Units, 1 or more. */
  readonly quantity: number
}

/** What a buyer asks to have reserved, as one checkout; its body was checked before. */
export interface Purchase {
  readonly buyerId: string
  /** Merged: each SKU once; in SKU order. */
  readonly lines: readonly Line[]
  /** The Idempotency-Key. */
  readonly key: string
  /** Of the lines; another fingerprint under the same key is an error. */
  readonly fingerprint: string
}

/** As stored, or `lost`: accepted, not committed, and gone with Redis. */
export type CheckoutStatus = CheckoutWord | 'lost'

/** What became of a purchase. A refusal is an answer, not an error. */
export type ReserveOutcome =
  | {
      readonly tag: 'accepted'
      readonly checkoutId: string
      readonly status: 'queued' | 'reserved'
      /** Units that the gate had left. */
      readonly remaining?: number
    }
  /** The key was used before, with this fingerprint. */
  | { readonly tag: 'repeated'; readonly checkoutId: string; readonly fingerprint: string }
  | Refusal

/**
 * The answer to a purchase that was turned down, for the route to send as a problem: `code` decides
 * its status, `detail` is a sentence for the client. Nothing was created; the key may be tried
 * again.
 */
export interface Refusal {
  readonly tag: 'refused'
  readonly code: ProblemCode
  readonly detail: string
  readonly extras?: ProblemExtras
}

/**
 * One way to reserve stock, for the flows that reserve, pay and give back. STOCK_STRATEGY chooses
 * it.
 */
export interface ReservationStrategy {
  /** Takes all units of the purchase or none. Never leaves a unit behind, whatever fails. */
  reserve(purchase: Purchase): Promise<ReserveOutcome> | ReserveOutcome
  /**
   * Hurries commands that are already written to PostgreSQL; they are carried out with or without
   * it.
   */
  post(commands: readonly StockCommand[]): Promise<void>
  /** Units that would be granted now, or null when only the ledger knows. */
  available(sku: string): Promise<number | null>
}

/**
 * For strategies and flows: makes a {@link Refusal}; never throws. `extras` may name the fields at
 * fault, members of the problem, or seconds to wait.
 */
export function refused(code: ProblemCode, detail: string, extras?: ProblemExtras): Refusal {
  return extras ? { tag: 'refused', code, detail, extras } : { tag: 'refused', code, detail }
}
