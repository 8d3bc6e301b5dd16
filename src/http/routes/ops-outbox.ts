/** Our own events that were given up after several tries, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { AppError } from '../../kernel/errors.ts'
import { parkedEvents, replayEvent } from '../../platform/outbox.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['operations']
const security = [{ bearer: [] }]
const event = z.object({
  id: z.int(),
  topic: z.string(),
  key: z.string(),
  attempts: z.int(),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
  parkedAt: z.iso.datetime(),
})
const mark = z.tuple([z.int()])

export function opsOutboxRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  const { pool } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/ops/outbox',
      {
        onRequest: [authenticate, requirePermission('operations:read')],
        schema: {
          tags,
          security,
          summary: 'List outbox events that were parked after their last try, newest first',
          querystring: pageQuery,
          response: { 200: listOf(event), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const before = readCursor(mark, cursor)?.[0] ?? null
        const rows = await parkedEvents(pool, { limit: limit + 1, before })
        const items = rows.slice(0, limit).map(({ payload: _, createdAt, parkedAt, ...row }) => ({
          ...row,
          createdAt: createdAt.toISOString(),
          parkedAt: parkedAt.toISOString(),
        }))
        const last = rows.length > limit ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeCursor([last.id]) : null }
      },
    )

    app.post(
      '/api/ops/outbox/:id/replay',
      {
        onRequest: [authenticate, requirePermission('operations:write')],
        schema: {
          tags,
          security,
          summary: 'Replay a parked event; one that is not parked stays as it is',
          params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
          response: {
            202: z.object({ id: z.int(), state: z.enum(['open', 'done']) }),
            ...problemResponses(400, 401, 403, 404),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const state = await pool.transaction(async (tx) => {
          const replayed = await replayEvent(tx, id)
          const subject = `event:${id}`
          const entry = { actor: principalOf(request), action: 'event.replayed', subject }
          if (replayed !== null) await appendAudit(tx, entry)
          return replayed
        })
        if (state === null) throw new AppError('not_found', 'There is no such event.')
        return reply.code(202).send({ id, state })
      },
    )
  }
}
