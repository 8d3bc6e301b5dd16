/** What was given up after several tries, for operators: webhooks received, and events of our own. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { parkedWebhooks, replayWebhook } from '../../payments/webhook-events.ts'
import { parkedEvents, replayEvent } from '../../platform/outbox.ts'
import { problemResponses } from '../schemas/problem.ts'
import { authenticate, requirePermission } from '../session.ts'

const tags = ['operations']
const security = [{ bearer: [] }]
const onRequest = [authenticate, requirePermission('operations:read')]
const page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(300).optional(),
})
const webhook = z.object({
  id: z.string(),
  type: z.string(),
  state: z.literal('parked'),
  attempts: z.int(),
  lastError: z.string().nullable(),
  receivedAt: z.iso.datetime(),
})
const event = z.object({
  id: z.int(),
  topic: z.string(),
  key: z.string(),
  attempts: z.int(),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
  parkedAt: z.iso.datetime(),
})
const list = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() })
const webhookMark = z.tuple([z.coerce.date(), z.string()])
const eventMark = z.tuple([z.int()])

export function opsWebhookRoutes(deps: { readonly pool: DatabasePool }): FastifyPluginAsync {
  const { pool } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/ops/webhooks',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Webhooks that were parked after their last try',
          querystring: page,
          response: { 200: list(webhook), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const mark = readMark(webhookMark, cursor)
        const rows = await parkedWebhooks(pool, {
          limit: limit + 1,
          before: mark && { receivedAt: mark[0], id: mark[1] },
        })
        const items = rows.slice(0, limit).map((row) => ({
          ...row,
          state: 'parked' as const,
          receivedAt: row.receivedAt.toISOString(),
        }))
        const last = rows.length > limit ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeMark([last.receivedAt, last.id]) : null }
      },
    )

    app.post(
      '/api/ops/webhooks/:id/replay',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Puts a parked webhook back; one that is not parked is left as it is',
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
      async ({ params: { id } }, reply) => {
        const state = await replayWebhook(pool, id)
        if (state === null) throw new AppError('not_found', 'There is no such webhook.')
        return reply.code(202).send({ id, state })
      },
    )

    app.get(
      '/api/ops/outbox',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Events of our own that were parked after their last try',
          querystring: page,
          response: { 200: list(event), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const before = readMark(eventMark, cursor)?.[0] ?? null
        const rows = await parkedEvents(pool, { limit: limit + 1, before })
        const items = rows
          .slice(0, limit)
          .map(({ id, topic, key, attempts, lastError, createdAt, parkedAt }) => ({
            id,
            topic,
            key,
            attempts,
            lastError,
            createdAt: createdAt.toISOString(),
            parkedAt: parkedAt.toISOString(),
          }))
        const last = rows.length > limit ? items.at(-1) : undefined
        return { items, nextCursor: last ? writeMark([last.id]) : null }
      },
    )

    app.post(
      '/api/ops/outbox/:id/replay',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Puts a parked event back; one that is not parked is left as it is',
          params: z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
          response: {
            202: z.object({ id: z.int(), state: z.enum(['open', 'done']) }),
            ...problemResponses(400, 401, 403, 404),
          },
        },
      },
      async ({ params: { id } }, reply) => {
        const state = await replayEvent(pool, id)
        if (state === null) throw new AppError('not_found', 'There is no such event.')
        return reply.code(202).send({ id, state })
      },
    )
  }
}

function writeMark(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

function readMark<T>(schema: z.ZodType<T>, cursor: string | undefined): T | null {
  if (cursor === undefined) return null
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch {
    throw new AppError('validation_failed', 'The cursor is not one of this list.', {
      errors: [{ path: 'cursor', message: 'Not a cursor of this list' }],
    })
  }
}
