/** Stock from both sides: sellers change it, buyers ask to be told of it. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { ReservationStrategy } from '../../flows/reserve/strategy.ts'
import { changeStock, setThreshold } from '../../flows/sell/change-stock.ts'
import { registerAlert } from '../../notifications/stock-alerts.ts'
import { problemResponses } from '../schemas/problem.ts'
import { changeStockBody, skuParams, thresholdBody } from '../schemas/stock.ts'
import { sendProblem } from '../server/problem.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['stock']
const security = [{ bearer: [] }]
const params = skuParams
const problems = problemResponses(400, 401, 403, 404, 413, 415, 429, 503)
const sellers = [authenticate, requirePermission('stock:write')]

export interface StockRouteDeps {
  readonly pool: DatabasePool
  readonly strategy: Pick<ReservationStrategy, 'post'>
}

export function stockRoutes(deps: StockRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(sellerRoutes(deps))
    await scope.register(alertRoute(deps))
  }
}

function sellerRoutes(deps: StockRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/skus/:sku/stock',
      {
        onRequest: sellers,
        schema: {
          tags,
          security,
          summary: 'Add or remove units of a SKU',
          description:
            'The owner of the SKU makes the change soon, in turn with its checkouts. Held and sold units cannot be ' +
            'removed: with too few free units nothing changes, and the audit log says so.',
          params,
          body: changeStockBody,
          response: { 202: z.object({ sku: z.string() }), ...problems },
        },
      },
      async (request, reply) => {
        const { sku } = request.params
        await changeStock(deps, { seller: principalOf(request), sku, ...request.body })
        return reply.code(202).send({ sku })
      },
    )

    app.put(
      '/api/skus/:sku/threshold',
      {
        onRequest: sellers,
        schema: {
          tags,
          security,
          summary: 'Set the number of free units at which the seller gets a mail; 10 by default',
          params,
          body: thresholdBody,
          response: { 200: z.object({ sku: z.string(), units: z.int() }), ...problems },
        },
      },
      async (request) => {
        const { sku } = request.params
        const { units } = request.body
        await setThreshold(deps.pool, { seller: principalOf(request), sku, units })
        return { sku, units }
      },
    )
  }
}

function alertRoute({ pool }: StockRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/api/skus/:sku/alerts',
      {
        onRequest: [authenticate, requirePermission('alerts:own')],
        schema: {
          tags,
          security,
          summary: 'Ask for a mail when a SKU is back in stock',
          description:
            'Each alert sends one mail. The oldest alerts come first, and there are never more mails than units. ' +
            'A second request before the mail changes nothing.',
          params,
          response: {
            201: z.object({ sku: z.string(), createdAt: z.iso.datetime() }),
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const { sku } = request.params
        const alert = await registerAlert(pool, { sku, buyerId: principalOf(request).id })
        if (!alert) return sendProblem(request, reply, 'not_found', 'There is no such SKU.')
        return reply.code(201).send(alert)
      },
    )
  }
}
