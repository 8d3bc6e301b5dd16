import type { DatabasePool } from 'slonik'
import { loadOffers } from '../../catalogue/offers.ts'
import type { Offer, OfferSource } from '../../stock/protocol/offers.ts'

/** Tells the stock domain what the catalogue sells a SKU for. */
export function offerSource(pool: DatabasePool): OfferSource {
  return {
    async offers(skus) {
      const rows = await loadOffers(pool, skus)
      return new Map(
        rows.map((row): [string, Offer] => [
          row.sku,
          {
            sku: row.sku,
            terms: {
              price: row.price,
              currency: row.currency,
              title: row.title,
              sellerId: row.seller_id,
              pool: row.per_customer_limit === null ? null : row.sale_id,
              limit: row.per_customer_limit,
            },
            startsAtMs: row.starts_at?.getTime() ?? null,
            endsAtMs: row.ends_at?.getTime() ?? null,
          },
        ]),
      )
    },
  }
}
