/** The buyer's way to a hold: POST, look, give back. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { CancelCheckout } from '../../flows/pay/cancel-checkout.ts'
import type { Confirmations } from '../../flows/pay/confirm.ts'
import type { Checkouts, Placed } from '../../flows/reserve/checkouts.ts'
import type { PlaceFromCart } from '../../flows/reserve/from-cart.ts'
import type { Refusal } from '../../flows/reserve/strategy.ts'
import { isUuid } from '../../kernel/ids.ts'
import { checkoutBody, checkoutSchema } from '../schemas/checkout.ts'
import { problemResponses } from '../schemas/problem.ts'
import { idempotencyKey } from '../server/idempotency-key.ts'
import { preferredWaitMs } from '../server/prefer.ts'
import { answerError, sendProblem } from '../server/problem.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['checkout']
const bearer = [{ bearer: [] }]
const idParams = z.object({ id: z.string() })

export interface CheckoutRouteDeps {
  readonly checkouts: Checkouts
  readonly cancelCheckout: CancelCheckout
  readonly placeFromCart: PlaceFromCart
  readonly confirmations: Pick<Confirmations, 'progress'>
}

export function checkoutRoutes(deps: CheckoutRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(placeRoute(deps))
    await scope.register(placedRoutes(deps))
  }
}

function placeRoute({ checkouts, placeFromCart }: CheckoutRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/checkouts',
      {
        onRequest: [authenticate, requirePermission('checkouts:own')],
        schema: {
          tags,
          security: bearer,
          summary: 'Check out: reserve all lines or none',
          description:
            'Requires an `Idempotency-Key` of 1 to 255 visible characters. The same key and body return the same ' +
            'checkout. With `Prefer: wait=N` the answer comes when the checkout is committed, after N seconds at ' +
            'most. `fromCart` buys the cart as it was at the first use of the key, and empties it on success. A total ' +
            'that one payment cannot take is refused, and so is a SKU with a price that cannot be charged.',
          body: checkoutBody,
          response: {
            201: checkoutSchema.describe('The units are reserved'),
            202: checkoutSchema.describe(
              'The checkout is admitted and not committed yet; ask again at `Location`',
            ),
            ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
          },
        },
      },
      (request, reply) => {
        const key = idempotencyKey(request, reply)
        if (key === null) return
        const { items } = request.body
        const asked = {
          buyerId: principalOf(request).id,
          key,
          waitMs: preferredWaitMs(request.headers.prefer),
          ...goneSignal(request, reply),
        }
        const outcome = items ? checkouts.place({ ...asked, lines: items }) : placeFromCart(asked)
        if (!(outcome instanceof Promise)) return void answer(request, reply, outcome)
        outcome.then(
          (later) => answer(request, reply, later),
          (error: unknown) => answerError(error, request, reply),
        )
      },
    )
  }
}

/** A commit takes milliseconds, as a rule. */
const soon = { position: null, pollAfterMs: 1_000 }

/** Looking at what was placed, and giving it back. */
function placedRoutes({
  checkouts,
  cancelCheckout,
  confirmations,
}: CheckoutRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/checkouts/:id',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security: bearer,
          summary: 'Get a checkout',
          params: idParams,
          response: { 200: checkoutSchema, ...problemResponses(401, 404) },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        if (!isUuid(id)) return noCheckout(request, reply)
        const buyerId = principalOf(request).id
        const checkout = await checkouts.get(id, buyerId)
        const { status } = checkout
        if (status !== 'queued' && status !== 'paying') return checkout
        const progress = status === 'paying' ? await confirmations.progress(id, buyerId) : soon
        reply.header('retry-after', Math.ceil(progress.pollAfterMs / 1_000))
        return { ...checkout, ...progress }
      },
    )

    app.delete(
      '/api/checkouts/:id',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security: bearer,
          summary: 'Give up a checkout and its units',
          params: idParams,
          response: { 204: z.null(), ...problemResponses(401, 404, 409) },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        if (!isUuid(id)) return noCheckout(request, reply)
        await cancelCheckout(id, principalOf(request).id)
        return reply.code(204).send(null)
      },
    )
  }
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: Placed | Refusal,
): FastifyReply {
  if (outcome.tag === 'refused') {
    return sendProblem(request, reply, outcome.code, outcome.detail, outcome.extras)
  }
  const { checkout, replayed } = outcome
  if (replayed) reply.header('idempotency-replayed', 'true')
  if (preferredWaitMs(request.headers.prefer) > 0) reply.header('preference-applied', 'wait')
  const reserved = checkout.status !== 'queued' && checkout.orderId !== null
  return reply
    .code(reserved ? 201 : 202)
    .header('location', `/api/checkouts/${checkout.id}`)
    .send(checkout)
}

/** Only a request that waits needs to know that its client has gone. */
function goneSignal(request: FastifyRequest, reply: FastifyReply): { signal?: AbortSignal } {
  if (request.headers.prefer === undefined) return {}
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return { signal: gone.signal }
}

function noCheckout(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(request, reply, 'not_found', 'There is no such checkout.')
}
