import type { Terms } from './messages.ts'

/** What the gate of a SKU has to know about its offer; the price is in minor units. */
export interface Offer {
  readonly sku: string
  readonly terms: Terms
  /** Milliseconds since the epoch; null: no bound. */
  readonly startsAtMs: number | null
  readonly endsAtMs: number | null
  /** Units that one payment can take; 0: nobody can pay for one; null: no bound, it is free. */
  readonly payable: number | null
}

/** Where owners and edits learn what a SKU is sold for; the catalogue answers. */
export interface OfferSource {
  /** Offers of the SKUs that are on sale. A SKU that is missing from the answer admits nobody. */
  offers(skus: readonly string[]): Promise<ReadonlyMap<string, Offer>>
}

/**
 * For building or refreshing a gate: the offer of a SKU that exists and is not for sale. The gate
 * then says that the sale has ended. Never throws.
 */
export function notOnSale(sku: string): Offer {
  const terms = { price: 0, currency: 'XXX', title: sku, sellerId: null, pool: null, limit: null }
  return { sku, terms, startsAtMs: null, endsAtMs: 1, payable: null }
}
