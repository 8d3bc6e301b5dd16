/** Who changed what, for admins. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { readAudit } from '../../audit/audit-log.ts'
import { auditQuery, auditSchema } from '../schemas/audit.ts'
import { listOf } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { pageOf, readCursor } from '../server/cursor.ts'
import { authenticate, requirePermission } from '../server/session.ts'

const mark = z.tuple([z.int().positive()])

export function auditRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().get(
      '/api/audit',
      {
        onRequest: [authenticate, requirePermission('audit:read')],
        schema: {
          tags: ['operations'],
          security: [{ bearer: [] }],
          summary:
            'List every change by a seller or an admin and every move of money, newest first',
          querystring: auditQuery,
          response: { 200: listOf(auditSchema), ...problemResponses(400, 401, 403, 429, 503) },
        },
      },
      async ({ query: { limit, cursor, subject = null } }) => {
        const [before] = readCursor(mark, cursor) ?? [null]
        const rows = await readAudit(deps.pool, { limit: limit + 1, before, subject })
        return pageOf(rows, {
          limit,
          show: ({ number: _, ...shown }) => shown,
          mark: ({ number }) => [number],
        })
      },
    )
  }
}
