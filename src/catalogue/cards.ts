import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import type { ImagesOf, ProductCard } from './product.ts'
import type { Hit } from './search.ts'

const CardRow = z.object({
  id: z.string(),
  slug: z.string(),
  title: z.string(),
  category: z.string(),
  currency: z.string(),
  seller_id: z.string(),
  seller_name: z.string(),
})

/** The cards of hits, in their order; a product that was archived meanwhile is left out. One query. */
export async function cardsOf(
  db: CommonQueryMethods,
  imagesOf: ImagesOf,
  hits: readonly Pick<Hit, 'id' | 'price' | 'inStock'>[],
): Promise<ProductCard[]> {
  if (hits.length === 0) return []
  const ids = hits.map(({ id }) => id)
  const [rows, images] = await Promise.all([
    db.any(sql.type(CardRow)`
      select p.id, p.slug, p.title, p.category, s.currency, p.seller_id, a.name as seller_name
        from products p
        join product_search s on s.product_id = p.id
        join accounts a on a.id = p.seller_id
       where p.id = any(${sql.array(ids, 'uuid')})`),
    imagesOf(ids),
  ])
  const byId = new Map(rows.map((row) => [row.id, row]))
  return hits.flatMap(({ id, price, inStock }): ProductCard[] => {
    const row = byId.get(id)
    if (!row) return []
    const { slug, title, category, currency } = row
    const image = images.get(id)?.[0]?.url ?? null
    const seller = { id: row.seller_id, name: row.seller_name }
    return [{ id, slug, title, category, priceFrom: price, currency, image, inStock, seller }]
  })
}
