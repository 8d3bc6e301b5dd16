import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { isUuid } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { ImagesOf, Product } from './product.ts'

const ProductRow = z.object({
  id: z.string(),
  slug: z.string(),
  title: z.string(),
  description: z.string(),
  category: z.string(),
  version: z.number(),
  created_at: z.date(),
  seller_id: z.string(),
  seller_name: z.string(),
  variants: z.array(
    z.object({
      sku: z.string(),
      options: z.record(z.string(), z.string()),
      price: z.number(),
      currency: z.string(),
    }),
  ),
})

/** The product with this id or slug, archived variants left out; null when there is none on show. One query. */
export async function readProduct(
  db: CommonQueryMethods,
  imagesOf: ImagesOf,
  idOrSlug: string,
): Promise<Product | null> {
  const key = isUuid(idOrSlug) ? sql.fragment`p.id` : sql.fragment`p.slug`
  const row = await db.maybeOne(sql.type(ProductRow)`
    select p.id, p.slug, p.title, p.description, p.category, p.version, p.created_at,
        p.seller_id, a.name as seller_name,
        coalesce((
          select jsonb_agg(jsonb_build_object('sku', v.sku, 'options', v.options, 'price', v.price,
              'currency', v.currency) order by v.number)
            from variants v where v.product_id = p.id and v.archived_at is null), '[]') as variants
      from products p join accounts a on a.id = p.seller_id
     where ${key} = ${idOrSlug} and p.archived_at is null`)
  if (!row) return null
  const images = (await imagesOf([row.id])).get(row.id) ?? []
  const { id, slug, title, description, category, version, variants } = row
  const seller = { id: row.seller_id, name: row.seller_name }
  const createdAt = row.created_at.toISOString()
  return { id, slug, title, description, category, version, createdAt, seller, images, variants }
}
