/** What a SKU is sold for right now: its sale while there is a live one, else its variant's price. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'

const OfferRow = z.object({
  sku: z.string(),
  title: z.string(),
  seller_id: z.string(),
  currency: z.string(),
  price: z.number(),
  sale_id: z.string().nullable(),
  per_customer_limit: z.number().nullable(),
  starts_at: z.date().nullable(),
  ends_at: z.date().nullable(),
})
export type OfferRow = z.infer<typeof OfferRow>

/** The offers of those SKUs that exist and are not archived. One query. */
export async function loadOffers(
  pool: DatabasePool,
  skus: readonly string[],
): Promise<readonly OfferRow[]> {
  return pool.any(sql.type(OfferRow)`
    select v.sku, p.title, p.seller_id, v.currency, coalesce(s.price, v.price) as price,
      s.id as sale_id, s.per_customer_limit, s.starts_at, s.ends_at
    from variants v
    join products p on p.id = v.product_id
    left join sales s on s.sku = v.sku and s.state <> 'ended'
    where v.sku = any(${sql.array([...skus], 'text')}) and v.archived_at is null and p.archived_at is null`)
}
