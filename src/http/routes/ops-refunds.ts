/** Money that should have gone back and did not, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { AppError } from '../../kernel/errors.ts'
import { failedRefunds, retryRefund } from '../../payments/refunds.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { readCursor, writeCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['operations']
const security = [{ bearer: [] }]
const refund = z.object({
  id: z.uuid(),
  checkoutId: z.uuid(),
  amount: z.int().describe('in minor units'),
  currency: z.string(),
  reason: z.string(),
  attempts: z.int(),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
})
const mark = z.tuple([z.uuid()])

export function opsRefundRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  const { pool } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/ops/refunds',
      {
        onRequest: [authenticate, requirePermission('operations:read')],
        schema: {
          tags,
          security,
          summary: 'List refunds that failed for good and are still owed, newest first',
          querystring: pageQuery,
          response: { 200: listOf(refund), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const before = readCursor(mark, cursor)?.[0] ?? null
        const rows = await failedRefunds(pool, { limit: limit + 1, before })
        const items = rows
          .slice(0, limit)
          .map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }))
        const last = rows.length > limit ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeCursor([last.id]) : null }
      },
    )

    app.post(
      '/api/ops/refunds/:id/retry',
      {
        onRequest: [authenticate, requirePermission('operations:write')],
        schema: {
          tags,
          security,
          summary: 'Ask for a failed refund again',
          description:
            'Creates a new refund, because the provider repeats its answer to a key that it knows. 409 when the ' +
            'refund has not failed, or when its money is already on its way back.',
          params: z.object({ id: z.uuid().toLowerCase() }),
          response: {
            202: z.object({ id: z.uuid(), state: z.literal('pending') }),
            ...problemResponses(400, 401, 403, 404, 409),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const retried = await pool.transaction(async (tx) => {
          const again = await retryRefund(tx, id)
          if (again !== 'unknown' && again !== 'nothing owed') {
            const details = { refundId: again.id, amount: again.amount }
            const actor = principalOf(request)
            await appendAudit(tx, {
              actor,
              action: 'refund.retried',
              subject: `refund:${id}`,
              details,
            })
          }
          return again
        })
        if (retried === 'unknown') throw new AppError('not_found', 'There is no such refund.')
        if (retried === 'nothing owed') {
          throw new AppError(
            'invalid_transition',
            'This refund has not failed, or its money is already on its way back.',
          )
        }
        return reply.code(202).send({ id: retried.id, state: 'pending' as const })
      },
    )
  }
}
