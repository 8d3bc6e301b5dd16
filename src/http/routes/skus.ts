import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { AvailabilityReader } from '../../flows/browse/availability.ts'
import { skuSchema } from '../schemas/checkout.ts'
import { problemResponses } from '../schemas/problem.ts'
import { sendProblem } from '../server/problem.ts'

const availabilitySchema = z.object({
  sku: z.string(),
  title: z.string().describe('title of the product'),
  available: z.int().describe('units that the gate would grant now; at most one second old'),
  held: z.int(),
  price: z.int().describe('in minor units'),
  currency: z.string(),
  sale: z
    .object({
      id: z.uuid(),
      startsAt: z.iso.datetime(),
      endsAt: z.iso.datetime(),
      units: z.int(),
      perCustomerLimit: z.int().nullable(),
    })
    .nullable(),
})

export function skuRoutes(deps: { readonly availability: AvailabilityReader }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().get(
      '/api/skus/:sku',
      {
        schema: {
          tags: ['catalogue'],
          summary: 'Get price and availability of a SKU',
          params: z.object({ sku: skuSchema }),
          response: { 200: availabilitySchema, ...problemResponses(400, 404) },
        },
      },
      async (request, reply) => {
        const found = await deps.availability.read(request.params.sku)
        if (found) return found
        return sendProblem(request, reply, 'not_found', 'There is no such SKU.')
      },
    )
  }
}
