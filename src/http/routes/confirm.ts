/** POST /api/checkouts/:id/confirm: the buyer pays. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Confirmations } from '../../flows/pay/confirm.ts'
import { isUuid } from '../../kernel/ids.ts'
import type { BuyerDetails } from '../../payments/gateway.ts'
import { confirmBody, confirmedSchema, payingSchema } from '../schemas/confirm.ts'
import { problemResponses } from '../schemas/problem.ts'
import { preferredWaitMs } from '../server/prefer.ts'
import { sendProblem } from '../server/problem.ts'
import { addressOf } from '../server/rate-limit.ts'
import { authenticate, principalOf } from '../server/session.ts'

export function confirmRoutes(deps: {
  readonly confirmations: Confirmations
  /** Whether accounts may be debited: then the provider is told from where the buyer accepted it. */
  readonly debits: boolean
}): FastifyPluginAsync {
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
            'under way, and a confirmed checkout gets the same answer again. While the bank waits for the buyer, ' +
            'another payment method takes the place of the first one: one of the two is charged at most, and the ' +
            'first one counts as declined. `card_declined` carries `declineCode` and `attemptsLeft`; the hold goes ' +
            'on while attempts are left. After `rate_limited`, because too many cards were declined within an hour, ' +
            'the hold goes on as well. After `payment_unavailable` the units have gone back, unless the shop is set ' +
            'to keep them until the hold ends. Waits for the verdict as long as `Prefer: wait=N` says (seconds, 30 ' +
            'at most), 10 seconds without it; the payment goes on after that.',
          params: z.object({ id: z.string() }),
          body: confirmBody,
          response: {
            200: confirmedSchema,
            202: payingSchema,
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
          details: detailsOf(request.body.shipping, deps.debits ? request : null),
          address: addressOf(request),
          ...(prefer === undefined ? {} : { waitMs: preferredWaitMs(prefer) }),
        })
        if (preferredWaitMs(prefer) > 0) reply.header('preference-applied', 'wait')
        const { status, orderId, clientSecret, position, pollAfterMs } = confirmed
        const card = confirmed.card ?? undefined
        if (status === 'confirmed') return reply.code(200).send({ status, orderId, card })
        reply.header('retry-after', Math.ceil(pollAfterMs / 1_000))
        return reply.code(202).send({ status, orderId, clientSecret, card, position, pollAfterMs })
      },
    )
  }
}

/** Longer ones are cut: the provider takes no more. */
const userAgentMax = 500

function detailsOf(
  shipping: BuyerDetails['shipping'],
  accepts: FastifyRequest | null,
): BuyerDetails | null {
  if (!shipping && !accepts) return null
  const userAgent = accepts?.headers['user-agent']?.slice(0, userAgentMax) ?? 'unknown'
  return {
    ...(shipping ? { shipping } : {}),
    ...(accepts ? { acceptance: { ip: accepts.ip, userAgent } } : {}),
  }
}
