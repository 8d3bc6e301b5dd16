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

export function orderRoutes(deps: OrderRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(readRoutes(deps))
    await scope.register(moveRoutes(deps))
  }
}

function readRoutes({ orders }: OrderRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/orders',
      {
        onRequest: [authenticate, requirePermission('orders:read')],
        schema: {
          tags,
          security,
          summary: 'List your orders, newest first',
          description:
            'A buyer sees their own orders. A seller sees paid orders with lines of theirs, and only those lines. ' +
            'An admin sees all orders.',
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
          summary: 'Get an order',
          params,
          response: { 200: orderSchema, ...problemResponses(401, 404) },
        },
      },
      async (request) => orders.get(principalOf(request), orderIdOf(request.params)),
    )
  }
}

function moveRoutes({ pool, orders, cancelOrder }: OrderRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.put(
      '/api/orders/:id/cancel',
      {
        onRequest: [authenticate, requirePermission('checkouts:own')],
        schema: {
          tags,
          security,
          summary: 'Cancel an order',
          description:
            'Possible until the first line is shipped, and safe to repeat. The units go back at once. A paid order ' +
            'is refunded; its status is `refunded` when the money is back. While a dispute has taken the money, the ' +
            'refund waits: `payment.status` is `disputed`.',
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
            'One step at a time: paid → processing → shipped → delivered. The order has the status of its least ' +
            'advanced line. The shipments of these lines move with them. Nothing is shipped (409) while a dispute or ' +
            'review of the payment is open, after a dispute is lost, or while an early fraud warning is not cleared.',
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
