import type { DatabasePool } from 'slonik'
import type { ImagesOf } from '../catalogue/product.ts'
import { ProductCache } from '../catalogue/product-cache.ts'
import { ProductLists } from '../catalogue/product-lists.ts'
import { readProduct } from '../catalogue/read-products.ts'
import type { AvailabilityReader } from '../flows/browse/availability.ts'
import { ProductPages } from '../flows/browse/product-pages.ts'
import { offerSource } from '../flows/reserve/offer-source.ts'
import { manageProducts } from '../flows/sell/manage-products.ts'
import type { Clock } from '../kernel/clock.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { GateStore } from '../stock/ports.ts'

/** Products for those who look and for those who sell. */
export function catalogueOf(parts: {
  readonly imagesOf: ImagesOf
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly gates: GateStore
  readonly subscriber: RedisClient
  readonly availability: AvailabilityReader
  readonly clock: Clock
}) {
  const { imagesOf, pool, redis, gates, availability, clock } = parts
  const cache = new ProductCache({ redis, clock, read: (id) => readProduct(pool, imagesOf, id) })
  return {
    lists: new ProductLists({ pool, imagesOf, clock }),
    pages: new ProductPages({ cache, availability, clock }),
    products: manageProducts({
      pool,
      redis,
      gates,
      imagesOf,
      offers: offerSource(pool),
      forget: (productId, skus) => {
        cache.forget(productId)
        availability.forget(skus)
      },
    }),
    unwatch: cache.watch(parts.subscriber),
  }
}
