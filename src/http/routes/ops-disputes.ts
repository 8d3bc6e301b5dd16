/** Disputes, early fraud warnings and reviews of payments, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { concernKinds } from '../../payments/concern-facts.ts'
import { clearWarning, listConcerns } from '../../payments/concerns.ts'
import { parkedRoutes } from './ops-parked.ts'

const dispute = z.object({
  id: z.string().describe('the id at the payment provider'),
  kind: z
    .enum(concernKinds)
    .describe(
      'dispute of the bank, early fraud warning of the card’s issuer, review by the provider',
    ),
  orderId: z.uuid(),
  orderNumber: z.int().nullable(),
  amount: z
    .int()
    .nullable()
    .describe('in minor units; of a warning or review: all that was captured'),
  currency: z.string().nullable(),
  reason: z.string(),
  status: z
    .string()
    .describe('in the words of the payment provider; `cleared` by an administrator'),
  open: z.boolean(),
  tookMoney: z.boolean().describe('the bank has the money; refunds wait until the dispute is won'),
  stopsShipping: z.boolean(),
  refundHeld: z.int().describe('refunds that wait for the end of the dispute, in minor units'),
  dueAt: z.iso.datetime().nullable().describe('until when the provider takes evidence'),
  openedAt: z.iso.datetime(),
})

/** For the API: the list, and the route that lets a warning pass. */
export function opsDisputeRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return parkedRoutes(deps.pool, {
    path: '/api/ops/disputes',
    list: {
      summary: 'List disputes, early fraud warnings and reviews, open ones first, then the newest',
      item: dispute,
      cursor: z.tuple([z.union([z.literal(0), z.literal(1)]), z.coerce.date(), z.string()]),
      rows: (pool, { limit, before }) =>
        listConcerns(pool, {
          limit,
          before: before && { open: before[0] === 1, openedAt: before[1], id: before[2] },
        }),
      show: (row) => ({
        ...row,
        dueAt: row.dueAt?.toISOString() ?? null,
        openedAt: row.openedAt.toISOString(),
      }),
      mark: ({ open, openedAt, id }) => [open ? 1 : 0, openedAt.toISOString(), id],
    },
    action: {
      name: 'clear',
      summary: 'Let an early fraud warning pass, so that its order may be shipped',
      description:
        'For a warning that somebody has looked at. 409 when it is not open any more, and for disputes and reviews: ' +
        'those end at the payment provider.',
      id: z.string().min(1).max(200),
      answer: z.object({ id: z.string(), state: z.literal('cleared') }),
      problems: [401, 403, 404, 409],
      run: async (tx, id) => {
        const cleared = await clearWarning(tx, id)
        if (cleared === 'unknown') throw new AppError('not_found', 'There is no such warning.')
        if (cleared !== 'cleared') {
          throw new AppError(
            'invalid_transition',
            cleared === 'not open'
              ? 'This warning is not open any more.'
              : 'Only an early fraud warning is cleared here. A dispute or review ends at the payment provider.',
          )
        }
        return {
          audit: { action: 'warning.cleared', subject: `warning:${id}` },
          answer: { id, state: 'cleared' },
        }
      },
    },
  })
}
