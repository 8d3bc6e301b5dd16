/** The provider's events that were given up after several tries, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { parkedWebhooks, replayWebhook } from '../../payments/webhook-events.ts'
import { parkedRoutes } from './ops-parked.ts'

const webhook = z.object({
  id: z.string(),
  type: z.string(),
  state: z.literal('parked'),
  attempts: z.int(),
  lastError: z.string().nullable(),
  receivedAt: z.iso.datetime(),
})

export function opsWebhookRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return parkedRoutes(deps.pool, {
    path: '/api/ops/webhooks',
    list: {
      summary: 'List webhooks that were parked after their last try, newest first',
      item: webhook,
      cursor: z.tuple([z.coerce.date(), z.string()]),
      rows: (pool, { limit, before }) =>
        parkedWebhooks(pool, { limit, before: before && { receivedAt: before[0], id: before[1] } }),
      show: (row) => ({ ...row, state: 'parked', receivedAt: row.receivedAt.toISOString() }),
      mark: ({ receivedAt, id }) => [receivedAt.toISOString(), id],
    },
    action: {
      name: 'replay',
      summary: 'Replay a parked webhook; one that is not parked stays as it is',
      id: z.string().min(1).max(200),
      answer: z.object({
        id: z.string(),
        state: z.enum(['stored', 'processed', 'ignored', 'parked']),
      }),
      problems: [401, 403, 404],
      run: async (tx, id) => {
        const state = await replayWebhook(tx, id)
        if (state === null) throw new AppError('not_found', 'There is no such webhook.')
        return {
          audit: { action: 'webhook.replayed', subject: `webhook:${id}` },
          answer: { id, state },
        }
      },
    },
  })
}
