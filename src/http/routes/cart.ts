/** The cart: of the account on all its devices, or of a guest who names it. */
import type { FastifyPluginAsync, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { CartOwner, Carts } from '../../cart/carts.ts'
import { AppError } from '../../kernel/errors.ts'
import { addBody, cartHeaders, cartSchema, setBody } from '../schemas/cart.ts'
import { skuSchema } from '../schemas/checkout.ts'
import { problemResponses } from '../schemas/problem.ts'
import { authenticate, identify, requirePermission } from '../server/session.ts'

const tags = ['cart']
const security = [{ bearer: [] }, {}]
const skuParams = z.object({ sku: skuSchema })
const buyersOnly = requirePermission('carts:own')
const whose =
  'The cart belongs to the account. Without an account, it belongs to the guest who sends its `X-Cart-Id`.'

export function cartRoutes(deps: { readonly carts: Carts }): FastifyPluginAsync {
  const { carts } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()
    const describe = (summary: string, ...statuses: number[]) => ({
      tags,
      security,
      summary,
      description: whose,
      headers: cartHeaders,
      response: {
        200: cartSchema.describe('The whole cart, with present prices and availability'),
        ...problemResponses(400, 401, 403, 429, 503, ...statuses),
      },
    })
    app.addHook('onRequest', allowBuyersAndGuests)

    app.get('/api/cart', { schema: describe('Get the cart') }, async (request) =>
      carts.read(ownerOf(request)),
    )

    app.post(
      '/api/cart/items',
      { schema: { ...describe('Add units of a SKU to the cart', 404, 413, 415), body: addBody } },
      async (request) => carts.add(ownerOf(request), request.body),
    )

    app.patch(
      '/api/cart/items/:sku',
      {
        schema: {
          ...describe('Change the quantity of a line', 404, 413, 415),
          params: skuParams,
          body: setBody,
        },
      },
      async (request) => {
        const { sku } = request.params
        if (request.body.sku !== undefined && request.body.sku !== sku) {
          throw new AppError('validation_failed', 'The body is not valid.', {
            errors: [{ path: 'sku', message: 'Must equal the SKU of the path' }],
          })
        }
        return carts.set(ownerOf(request), { sku, quantity: request.body.quantity })
      },
    )

    app.delete(
      '/api/cart/items/:sku',
      { schema: { ...describe('Remove a line'), params: skuParams } },
      async (request) => carts.remove(ownerOf(request), request.params.sku),
    )

    app.delete('/api/cart', { schema: describe('Empty the cart') }, async (request) =>
      carts.clear(ownerOf(request)),
    )
  }
}

/** A guest needs no token; but one that is sent must be good, and a buyer's. */
const allowBuyersAndGuests: onRequestHookHandler = function check(request, reply, done) {
  const { authorization, 'x-cart-id': cartId } = request.headers
  if (authorization === undefined && cartId !== undefined) done()
  else if (identify(request) === null) authenticate(request, reply, done)
  else buyersOnly.call(this, request, reply, done)
}

function ownerOf(request: FastifyRequest): CartOwner {
  const account = identify(request)
  return account
    ? { kind: 'account', id: account.id }
    : { kind: 'guest', id: String(request.headers['x-cart-id']) }
}
