import type { DatabasePool } from 'slonik'
import { loadOffers } from '../../catalogue/offers.ts'
import { unitsPayable } from '../../kernel/currency.ts'
import type { Offer, OfferSource } from '../../stock/protocol/offers.ts'

/**
 * For gates and owners, in API and worker: what the catalogue sells a SKU for, in minor units, and
 * when its sale runs, in milliseconds since 1970. Old rows may have a price that nobody can pay. SKUs without an offer are left out; rejects when
 * PostgreSQL is away.
 */
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
            payable: unitsPayable(row.price, row.currency),
          },
        ]),
      )
    },
  }
}
