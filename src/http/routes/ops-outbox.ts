/** Our own events that were given up after several tries, for operators. */
import type { FastifyPluginAsync } from 'fastify'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { parkedEvents, replayEvent } from '../../platform/outbox.ts'
import { parkedRoutes } from './ops-parked.ts'

const event = z.object({
  id: z.int(),
  topic: z.string(),
  key: z.string(),
  attempts: z.int(),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
  parkedAt: z.iso.datetime(),
})

export function opsOutboxRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  return parkedRoutes(deps.pool, {
    path: '/api/ops/outbox',
    list: {
      summary: 'List outbox events that were parked after their last try, newest first',
      item: event,
      cursor: z.tuple([z.int()]),
      rows: (pool, { limit, before }) => parkedEvents(pool, { limit, before: before?.[0] ?? null }),
      show: ({ payload: _, createdAt, parkedAt, ...row }) => ({
        ...row,
        createdAt: createdAt.toISOString(),
        parkedAt: parkedAt.toISOString(),
      }),
      mark: ({ id }) => [id],
    },
    action: {
      name: 'replay',
      summary: 'Replay a parked event; one that is not parked stays as it is',
      id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
      answer: z.object({ id: z.int(), state: z.enum(['open', 'done']) }),
      problems: [400, 401, 403, 404],
      run: async (tx, id) => {
        const state = await replayEvent(tx, id)
        if (state === null) throw new AppError('not_found', 'There is no such event.')
        return {
          audit: { action: 'event.replayed', subject: `event:${id}` },
          answer: { id, state },
        }
      },
    },
  })
}
