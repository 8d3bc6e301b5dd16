/** What the outbox asks of the catalogue. */
import type { DatabasePool } from 'slonik'
import { countOrders } from '../../catalogue/count-orders.ts'
import { skusOf } from '../../catalogue/write-products.ts'
import { eachOutside, type Topics } from '../../platform/outbox-handlers.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import type { GateStore } from '../../stock/ports.ts'
import type { OfferSource } from '../../stock/protocol/offers.ts'
import { followChange, productChangedTopic } from './manage-products.ts'

/**
 * For the worker that handles the outbox: caches and gates follow every edit, and recommendations
 * every paid order. An event without a product is parked at once (PermanentFailure); with a store
 * away it is tried again.
 */
export function productTopics(deps: {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly gates: Pick<GateStore, 'setTerms'>
  readonly offers: OfferSource
}): Topics {
  return {
    [productChangedTopic]: {
      outside: eachOutside(async ({ payload: { productId, version } }) => {
        if (typeof productId !== 'string' || typeof version !== 'number') {
          throw new PermanentFailure('the event names no product')
        }
        const skus = await skusOf(deps.pool, productId)
        await followChange(
          deps,
          { id: productId, version },
          skus.map(({ sku }) => sku),
        )
      }),
    },
    'order.paid': {
      inTransaction: [
        (tx, events) =>
          countOrders(
            tx,
            events.map(({ key, payload }) => String(payload.orderId ?? key)),
          ),
      ],
    },
  }
}
