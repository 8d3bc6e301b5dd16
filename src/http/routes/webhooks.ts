/** Where the payment provider reports: stored once, answered, and processed afterwards. */
import type { FastifyPluginAsync } from 'fastify'
import { z } from 'zod'
import type { WebhookInbox } from '../../payments/webhook-inbox.ts'
import type { createWebhookVerifier } from '../../payments/webhook-signature.ts'
import { problemResponses } from '../schemas/problem.ts'
import { sendProblem } from '../server/problem.ts'

/** The provider's objects are larger than what a buyer sends. */
const bodyBytes = 1024 * 1024

export function webhookRoutes(deps: {
  readonly inbox: Pick<WebhookInbox, 'store'>
  readonly verify: ReturnType<typeof createWebhookVerifier>
}): FastifyPluginAsync {
  return async (scope) => {
    // The signature is over the bytes as they came, so here a body stays what it is.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )

    scope.post(
      '/webhooks/stripe',
      {
        bodyLimit: bodyBytes,
        schema: {
          tags: ['webhooks'],
          summary: 'Receive an event of the payment provider',
          description:
            'Answers 200 when the event is stored, by this delivery or an earlier one. `Stripe-Signature` signs the ' +
            'raw body and must not be older than five minutes.',
          response: {
            200: z.object({ received: z.literal(true) }),
            ...problemResponses(400, 413, 503),
          },
        },
      },
      async (request, reply) => {
        const header = request.headers['stripe-signature']
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const event = deps.verify(body, typeof header === 'string' ? header : undefined)
        if (!event) {
          return sendProblem(
            request,
            reply,
            'invalid_signature',
            'The Stripe-Signature header is missing, too old, or does not fit this body.',
          )
        }
        await deps.inbox.store(event)
        return reply.send({ received: true })
      },
    )
  }
}
