/** POST /api/checkouts/:id/confirm: the buyer pays. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Confirmations } from '../../flows/pay/confirm.ts'
import { isUuid } from '../../kernel/ids.ts'
import { paymentMethodIdSchema } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
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
            'Amount and currency are those of the order. Safe to repeat: while an attempt is in flight it is ' +
            'joined, and a confirmed checkout is answered as before. `card_declined` carries `declineCode` ' +
            'and `attemptsLeft`; the hold goes on while attempts are left. With `payment_unavailable` the ' +
            'units went back, unless the shop keeps them to their deadline.',
          params: z.object({ id: z.string() }),
          body: z.strictObject({ paymentMethodId: paymentMethodIdSchema }),
          response: {
            200: z.object({ status: z.literal('confirmed'), orderId: z.uuid() }).describe('Paid'),
            202: z
              .object({
                status: z.literal('paying'),
                orderId: z.uuid(),
                clientSecret: z
                  .string()
                  .nullable()
                  .describe('for the bank to ask the buyer; null while there is no answer yet'),
              })
              .describe('The bank wants the buyer, or has not answered'),
            ...problemResponses(400, 401, 402, 404, 409, 410, 429, 503),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        if (!isUuid(id)) {
          return sendProblem(request, reply, 'not_found', 'There is no such checkout.')
        }
        const { status, orderId, clientSecret } = await deps.confirmations.confirm({
          checkoutId: id,
          buyerId: principalOf(request).id,
          paymentMethodId: request.body.paymentMethodId,
        })
        return status === 'confirmed'
          ? reply.code(200).send({ status, orderId })
          : reply.code(202).send({ status, orderId, clientSecret })
      },
    )
  }
}
