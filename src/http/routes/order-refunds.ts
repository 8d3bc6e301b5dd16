/** POST /api/orders/:id/refunds: money goes back without a cancel. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { RefundOrder } from '../../flows/pay/refund-order.ts'
import { isUuid } from '../../kernel/ids.ts'
import { noOrder } from '../../orders/orders.ts'
import { refundOrderBody, refundSchema } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
import { idempotencyKey } from '../server/idempotency-key.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

export function orderRefundRoutes(deps: { readonly refundOrder: RefundOrder }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/orders/:id/refunds',
      {
        onRequest: [authenticate, requirePermission('orders:refund')],
        schema: {
          tags: ['orders'],
          security: [{ bearer: [] }],
          summary: 'Refund an order, or a part of it',
          description:
            'A seller refunds their own lines, an admin the whole order; before and after it is shipped. `lines` say ' +
            'whose money goes back, `amount` how much of it. Without both, all that is left goes back. More than is ' +
            'left is refused. With `restock` the units go back to the stock, each of them once, and leave parcels ' +
            'that are not shipped; an `amount` without `lines` restocks only when it is all that is left. Requires an ' +
            '`Idempotency-Key` of 1 to 255 visible characters: the same key and body return the same refund. The ' +
            'order shows its refunds; it is `refunded` when all of its money is back.',
          params: z.object({ id: z.string() }),
          body: refundOrderBody,
          response: {
            202: refundSchema.describe('The refund is decided; the provider carries it out'),
            ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const key = idempotencyKey(request, reply)
        if (key === null) return reply
        const { id: orderId } = request.params
        if (!isUuid(orderId)) throw noOrder()
        const { id, role } = principalOf(request)
        const { lines = null, amount = null, restock, reason } = request.body
        const { replayed, ...refund } = await deps.refundOrder({
          ...{ orderId, key, lines, amount, restock, reason },
          by: { id, role: role === 'admin' ? 'admin' : 'seller' },
        })
        if (replayed) reply.header('idempotency-replayed', 'true')
        return reply.code(202).send(refund)
      },
    )
  }
}
