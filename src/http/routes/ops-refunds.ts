/** Money that should have gone back and did not, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { retryRefund } from '../../flows/pay/retry-refund.ts'
import { AppError } from '../../kernel/errors.ts'
import { failedRefunds } from '../../payments/refunds.ts'
import { parkedRoutes } from './ops-parked.ts'

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

export function opsRefundRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return parkedRoutes(deps.pool, {
    path: '/api/ops/refunds',
    list: {
      summary: 'List refunds that failed for good and are still owed, newest first',
      item: refund,
      cursor: z.tuple([z.uuid()]),
      rows: (pool, { limit, before }) =>
        failedRefunds(pool, { limit, before: before?.[0] ?? null }),
      show: (row) => ({ ...row, createdAt: row.createdAt.toISOString() }),
      mark: ({ id }) => [id],
    },
    action: {
      name: 'retry',
      summary: 'Ask for a failed refund again',
      description:
        'Creates a new refund, because the provider repeats its answer to a key that it knows. 409 when the ' +
        'refund has not failed, or when its money is already on its way back.',
      id: z.uuid().toLowerCase(),
      answer: z.object({ id: z.uuid(), state: z.literal('pending') }),
      problems: [400, 401, 403, 404, 409],
      run: async (tx, id) => {
        const again = await retryRefund(tx, id)
        if (again === 'unknown') throw new AppError('not_found', 'There is no such refund.')
        if (again === 'nothing owed') {
          throw new AppError(
            'invalid_transition',
            'This refund has not failed, or its money is already on its way back.',
          )
        }
        const details = { refundId: again.id, amount: again.amount }
        return {
          audit: { action: 'refund.retried', subject: `refund:${id}`, details },
          answer: { id: again.id, state: 'pending' },
        }
      },
    },
  })
}
