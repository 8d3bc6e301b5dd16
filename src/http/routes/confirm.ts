/** POST /api/checkouts/:id/confirm: the buyer pays. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Confirmations } from '../../flows/pay/confirm.ts'
import { isUuid } from '../../kernel/ids.ts'
import { paymentMethodIdSchema } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
import { preferredWaitMs } from '../server/prefer.ts'
import { sendProblem } from '../server/problem.ts'
import { authenticate, principalOf } from '../server/session.ts'

export function confirmRoutes(deps: { readonly confirmations: Confirmations }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/checkouts/:id/confirm',
      {
        onRequest: authenticate,
        schema: {
          tags: ['checkout'],
          security: [{ bearer: [] }],
          summary: 'Pay for a checkout',
          description:
            'Charges amount and currency of the order. Safe to repeat: a second request joins the attempt that is ' +
            'under way, and a confirmed checkout gets the same answer again. `card_declined` carries `declineCode` ' +
            'and `attemptsLeft`; the hold goes on while attempts are left. After `payment_unavailable` the units ' +
            'have gone back, unless the shop is set to keep them until the hold ends. Waits for the verdict as long ' +
            'as `Prefer: wait=N` says (seconds, 30 at most), 10 seconds without it; the payment goes on after that.',
          params: z.object({ id: z.string() }),
          body: z.strictObject({ paymentMethodId: paymentMethodIdSchema }),
          response: {
            200: z
              .object({ status: z.literal('confirmed'), orderId: z.uuid() })
              .describe('The order is paid'),
            202: z
              .object({
                status: z.literal('paying'),
                orderId: z.uuid(),
                clientSecret: z
                  .string()
                  .nullable()
                  .describe(
                    'for the authentication page of the bank; null while the payment is still processing',
                  ),
                position: z
                  .int()
                  .nullable()
                  .describe(
                    'payments that are before this one in the queue to the payment provider; null outside of it',
                  ),
                pollAfterMs: z.int().describe('when to ask again, in milliseconds'),
              })
              .describe(
                'The bank requires authentication (3-D Secure), or the payment is still processing',
              ),
            ...problemResponses(400, 401, 402, 404, 409, 410, 429, 503),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        if (!isUuid(id)) {
          return sendProblem(request, reply, 'not_found', 'There is no such checkout.')
        }
        const { prefer } = request.headers
        const confirmed = await deps.confirmations.confirm({
          checkoutId: id,
          buyerId: principalOf(request).id,
          paymentMethodId: request.body.paymentMethodId,
          ...(prefer === undefined ? {} : { waitMs: preferredWaitMs(prefer) }),
        })
        if (preferredWaitMs(prefer) > 0) reply.header('preference-applied', 'wait')
        const { status, orderId, clientSecret, position, pollAfterMs } = confirmed
        if (status === 'confirmed') return reply.code(200).send({ status, orderId })
        reply.header('retry-after', Math.ceil(pollAfterMs / 1_000))
        return reply.code(202).send({ status, orderId, clientSecret, position, pollAfterMs })
      },
    )
  }
}
