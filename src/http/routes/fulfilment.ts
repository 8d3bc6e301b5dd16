/** What sellers send, and from where. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { moveShipment } from '../../flows/sell/move-order.ts'
import type { LocationDetails, Locations } from '../../fulfilment/locations.ts'
import { AppError } from '../../kernel/errors.ts'
import { isUuid } from '../../kernel/ids.ts'
import type { Orders } from '../../orders/orders.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import {
  changeLocationBody,
  createLocationBody,
  locationSchema,
  locationStockBody,
} from '../schemas/location.ts'
import { moveShipmentBody, orderSchema } from '../schemas/order.ts'
import { problemResponses } from '../schemas/problem.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['fulfilment']
const security = [{ bearer: [] }]
const params = z.object({ id: z.string() })
const mark = z.tuple([z.uuid()])
const onRequest = [authenticate, requirePermission('locations:own')]

interface LocationRouteDeps {
  readonly locations: Locations
}

export function locationRoutes(deps: LocationRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(listRoutes(deps))
    await scope.register(changeRoutes(deps))
  }
}

function listRoutes({ locations }: LocationRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/locations',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Add a location that you send from; 50 at most',
          body: createLocationBody,
          response: { 201: locationSchema, ...problemResponses(400, 401, 403, 409) },
        },
      },
      async (request, reply) => {
        const location = await locations.create(principalOf(request).id, request.body)
        return reply.code(201).header('location', `/api/locations/${location.id}`).send(location)
      },
    )

    app.get(
      '/api/locations',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'List the locations that you send from, newest first',
          querystring: pageQuery,
          response: { 200: listOf(locationSchema), ...problemResponses(400, 401, 403) },
        },
      },
      async (request) => {
        const { limit, cursor } = request.query
        const before = readCursor(mark, cursor)?.[0] ?? null
        const { items, more } = await locations.list(principalOf(request).id, { limit, before })
        const last = more ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeCursor([last.id]) : null }
      },
    )
  }
}

function changeRoutes({ locations }: LocationRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.patch(
      '/api/locations/:id',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Change a location; planned shipments of one that goes offline move to another',
          params,
          body: changeLocationBody,
          response: { 200: locationSchema, ...problemResponses(400, 401, 403, 404) },
        },
      },
      async (request) => {
        const id = idOf(request.params, 'location')
        return locations.change(principalOf(request).id, id, present(request.body))
      },
    )

    app.put(
      '/api/locations/:id/stock',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Set the units of SKUs at a location that no shipment needs',
          description:
            'Says where units lie. It does not change how many can be sold. Other SKUs stay as they are.',
          params,
          body: locationStockBody,
          response: { 200: locationSchema, ...problemResponses(400, 401, 403, 404) },
        },
      },
      async (request) => {
        const id = idOf(request.params, 'location')
        return locations.setStock(principalOf(request).id, id, request.body.items)
      },
    )
  }
}

export function shipmentRoutes(deps: {
  readonly pool: DatabasePool
  readonly orders: Orders
}): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().patch(
      '/api/shipments/:id',
      {
        onRequest: [authenticate, requirePermission('orders:move')],
        schema: {
          tags,
          security,
          summary: 'Move one shipment; part of an order may go out before the rest',
          description:
            'A line is shipped when all of its units are. The answer is the order. A dispute, review or warning of fraud ' +
            'stops it as it stops PATCH /api/orders/{id}/status.',
          params,
          body: moveShipmentBody,
          response: { 200: orderSchema, ...problemResponses(400, 401, 403, 404, 409) },
        },
      },
      async (request) => {
        const seller = principalOf(request)
        const { status, tracking = null } = request.body
        const orderId = await moveShipment(deps.pool, {
          shipmentId: idOf(request.params, 'shipment'),
          sellerId: seller.id,
          to: status,
          tracking,
        })
        return deps.orders.get(seller, orderId)
      },
    )
  }
}

function idOf({ id }: { readonly id: string }, what: string): string {
  if (!isUuid(id)) throw new AppError('not_found', `There is no such ${what}.`)
  return id
}

/** Members that were sent: one that was not must not overwrite. */
function present(body: z.infer<typeof changeLocationBody>): Partial<LocationDetails> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}
