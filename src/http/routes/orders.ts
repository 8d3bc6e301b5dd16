/** Orders: looked at, cancelled by their buyers, moved by their sellers. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { CancelOrder } from '../../flows/pay/cancel-order.ts'
import { moveOrder } from '../../flows/sell/move-order.ts'
import { isUuid } from '../../kernel/ids.ts'
import { noOrder, type Orders } from '../../orders/orders.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { moveOrderBody, orderSchema } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['orders']
const security = [{ bearer: [] }]
const params = z.object({ id: z.string() })
const mark = z.tuple([z.uuid()])

export interface OrderRouteDeps {
  readonly pool: DatabasePool
  readonly orders: Orders
  readonly cancelOrder: CancelOrder
}

export function orderRoutes({ pool, orders, cancelOrder }: OrderRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/orders',
      {
        onRequest: [authenticate, requirePermission('orders:read')],
        schema: {
          tags,
          security,
          summary: 'Your orders, the newest first',
          description:
            'Buyers see theirs; sellers those with lines of theirs, from the payment on and with those lines ' +
            'only; admins all.',
          querystring: pageQuery,
          response: { 200: listOf(orderSchema), ...problemResponses(400, 401) },
        },
      },
      async (request) => {
        const { limit, cursor } = request.query
        const before = readCursor(mark, cursor)?.[0] ?? null
        const { items, more } = await orders.list(principalOf(request), { limit, before })
        const last = more ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeCursor([last.id]) : null }
      },
    )

    app.get(
      '/api/orders/:id',
      {
        onRequest: [authenticate, requirePermission('orders:read')],
        schema: {
          tags,
          security,
          summary: 'An order',
          params,
          response: { 200: orderSchema, ...problemResponses(401, 404) },
        },
      },
      async (request) => orders.get(principalOf(request), orderIdOf(request.params)),
    )

    app.put(
      '/api/orders/:id/cancel',
      {
        onRequest: [authenticate, requirePermission('checkouts:own')],
        schema: {
          tags,
          security,
          summary: 'Cancel an order',
          description:
            'Any number of times, until the first line is shipped. Units go back at once; what was paid is ' +
            'refunded, and the order is `refunded` when the money is back.',
          params,
          response: { 200: orderSchema, ...problemResponses(401, 403, 404, 409) },
        },
      },
      async (request) => {
        const [id, buyer] = [orderIdOf(request.params), principalOf(request)]
        await cancelOrder(id, buyer.id)
        return orders.get(buyer, id)
      },
    )

    app.patch(
      '/api/orders/:id/status',
      {
        onRequest: [authenticate, requirePermission('orders:move')],
        schema: {
          tags,
          security,
          summary: 'Move your lines of an order',
          description:
            'paid → processing → shipped → delivered, one step at a time. The order has the status of its ' +
            'least advanced line. Shipments of these lines go along.',
          params,
          body: moveOrderBody,
          response: { 200: orderSchema, ...problemResponses(400, 401, 403, 404, 409) },
        },
      },
      async (request) => {
        const [orderId, seller] = [orderIdOf(request.params), principalOf(request)]
        await moveOrder(pool, { orderId, sellerId: seller.id, to: request.body.status })
        return orders.get(seller, orderId)
      },
    )
  }
}

function orderIdOf({ id }: { readonly id: string }): string {
  if (!isUuid(id)) throw noOrder()
  return id
}
