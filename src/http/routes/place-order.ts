/** POST /api/orders: checkout and payment in one call. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { PlaceOrder } from '../../flows/pay/place-order.ts'
import { placedOrderSchema, placeOrderBody } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
import { idempotencyKey } from '../server/idempotency-key.ts'
import { preferredWaitMs } from '../server/prefer.ts'
import { sendProblem } from '../server/problem.ts'
import { addressOf } from '../server/rate-limit.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

export function placeOrderRoutes(deps: { readonly placeOrder: PlaceOrder }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/orders',
      {
        onRequest: [authenticate, requirePermission('checkouts:own')],
        schema: {
          tags: ['orders'],
          security: [{ bearer: [] }],
          summary: 'Check out and pay in one call',
          description:
            'Requires an `Idempotency-Key` of 1 to 255 visible characters. The same key and body return the same ' +
            'order. Without `paymentMethodId` the units are only reserved: pay by ' +
            'POST /api/checkouts/:id/confirm before the hold ends. When a step fails, the answer is its problem ' +
            'and the units have gone back. After `overloaded`, the same key continues where it stopped. ' +
            '`fromCart` buys the cart as it was at the first use of the key, and empties it on success. Waits for the ' +
            'payment as long as `Prefer: wait=N` says (seconds, 30 at most), 10 seconds without it; the payment goes ' +
            'on after that.',
          body: placeOrderBody,
          response: {
            201: placedOrderSchema.describe(
              'The order is paid; without a payment method, it is reserved',
            ),
            202: placedOrderSchema
              .extend({
                status: z.literal('paying'),
                clientSecret: z.string().nullable(),
                pollAfterMs: z.int().describe('when to ask again, in milliseconds'),
              })
              .describe(
                'The bank requires authentication (3-D Secure), or the payment is still processing',
              ),
            ...problemResponses(400, 401, 402, 403, 404, 409, 410, 413, 415, 422, 429, 503),
          },
        },
      },
      async (request, reply) => {
        const key = idempotencyKey(request, reply)
        if (key === null) return reply
        const { prefer } = request.headers
        const { items = null, paymentMethodId = null, shipTo = null } = request.body
        const outcome = await deps.placeOrder({
          buyerId: principalOf(request).id,
          lines: items,
          key,
          paymentMethodId,
          shipTo,
          address: addressOf(request),
          ...(prefer === undefined ? {} : { waitMs: preferredWaitMs(prefer) }),
        })
        if (outcome.tag === 'refused') {
          return sendProblem(request, reply, outcome.code, outcome.detail, outcome.extras)
        }
        const { orderId, status, totalAmount, currency, clientSecret, pollAfterMs, replayed } =
          outcome
        if (replayed) reply.header('idempotency-replayed', 'true')
        reply.header('location', `/api/orders/${orderId}`)
        if (pollAfterMs === null) {
          return reply.code(201).send({ orderId, status, totalAmount, currency })
        }
        reply.header('retry-after', Math.ceil(pollAfterMs / 1_000))
        const paying = { orderId, status: 'paying', totalAmount, currency } as const
        return reply.code(202).send({ ...paying, clientSecret, pollAfterMs })
      },
    )
  }
}
