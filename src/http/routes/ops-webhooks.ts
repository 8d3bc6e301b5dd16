/** The provider's events that were given up after several tries, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { AppError } from '../../kernel/errors.ts'
import { parkedWebhooks, replayWebhook } from '../../payments/webhook-events.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['operations']
const security = [{ bearer: [] }]
const webhook = z.object({
  id: z.string(),
  type: z.string(),
  state: z.literal('parked'),
  attempts: z.int(),
  lastError: z.string().nullable(),
  receivedAt: z.iso.datetime(),
})
const mark = z.tuple([z.coerce.date(), z.string()])

export function opsWebhookRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  const { pool } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/ops/webhooks',
      {
        onRequest: [authenticate, requirePermission('operations:read')],
        schema: {
          tags,
          security,
          summary: 'List webhooks that were parked after their last try, newest first',
          querystring: pageQuery,
          response: { 200: listOf(webhook), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const seen = readCursor(mark, cursor)
        const before = seen && { receivedAt: seen[0], id: seen[1] }
        const rows = await parkedWebhooks(pool, { limit: limit + 1, before })
        const items = rows.slice(0, limit).map((row) => ({
          ...row,
          state: 'parked' as const,
          receivedAt: row.receivedAt.toISOString(),
        }))
        const last = rows.length > limit ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeCursor([last.receivedAt, last.id]) : null }
      },
    )

    app.post(
      '/api/ops/webhooks/:id/replay',
      {
        onRequest: [authenticate, requirePermission('operations:write')],
        schema: {
          tags,
          security,
          summary: 'Replay a parked webhook; one that is not parked stays as it is',
          params: z.object({ id: z.string().min(1).max(200) }),
          response: {
            202: z.object({
              id: z.string(),
              state: z.enum(['stored', 'processed', 'ignored', 'parked']),
            }),
            ...problemResponses(401, 403, 404),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const state = await pool.transaction(async (tx) => {
          const replayed = await replayWebhook(tx, id)
          const subject = `webhook:${id}`
          const entry = { actor: principalOf(request), action: 'webhook.replayed', subject }
          if (replayed !== null) await appendAudit(tx, entry)
          return replayed
        })
        if (state === null) throw new AppError('not_found', 'There is no such webhook.')
        return reply.code(202).send({ id, state })
      },
    )
  }
}
