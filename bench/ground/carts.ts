/** Carts that are there before the clock starts. */
import type { RedisClient } from '../../src/platform/redis/client.ts'

/** Carts that are written in one go. */
const chunk = 500
const livesSeconds = 3_600

/** Gives each buyer a cart with one unit of each SKU, as the shop keeps it. */
export async function fillCarts(
  redis: RedisClient,
  buyerIds: readonly string[],
  skus: readonly string[],
): Promise<void> {
  const fields = skus.flatMap((sku) => [sku, 1])
  for (let i = 0; i < buyerIds.length; i += chunk) {
    const pipeline = redis.pipeline()
    for (const id of buyerIds.slice(i, i + chunk)) {
      const cart = `{cart:account:${id}}`
      pipeline.del(cart)
      pipeline.hset(cart, ...fields)
      pipeline.expire(cart, livesSeconds)
    }
    await pipeline.exec()
  }
}
