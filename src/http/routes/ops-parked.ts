/** What the shop has given up on, for operators: each kind has a list, and a route that sets one of it going again. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { type AuditEntry, appendAudit } from '../../audit/audit-log.ts'
import { listOf, pageQuery } from '../schemas/list.ts'
import { problemResponses } from '../schemas/problem.ts'
import { type PageOptions, pageOf, readCursor } from '../server/cursor.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

/** One kind of rows that were given up. */
export interface ParkedKind<Row, Mark, Id> {
  /** Of the list; that of the action is below it. */
  readonly path: string
  readonly list: ListOfParked<Row, Mark>
  readonly action: ActionOnParked<Id>
}

interface ListOfParked<Row, Mark> extends Omit<PageOptions<Row, unknown>, 'limit'> {
  readonly summary: string
  readonly item: z.ZodType
  /** What a cursor must hold: the sort values of the last row that was seen. */
  readonly cursor: z.ZodType<Mark>
  readonly rows: (
    pool: DatabasePool,
    page: { readonly limit: number; readonly before: Mark | null },
  ) => Promise<readonly Row[]>
}

interface ActionOnParked<Id> {
  /** The last segment of the path: `replay`. */
  readonly name: string
  readonly summary: string
  readonly description?: string
  readonly id: z.ZodType<Id>
  readonly answer: z.ZodType
  /** Statuses of the problems that it answers with. */
  readonly problems: readonly number[]
  /** Sets the row going again in `tx`. @throws AppError when there is no such row, or nothing to do for it. */
  readonly run: (tx: DatabaseTransactionConnection, id: Id) => Promise<Again>
}

export interface Again {
  readonly audit: Omit<AuditEntry, 'actor'>
  readonly answer: { readonly id: string | number; readonly state: string }
}

const tags = ['operations']
const security = [{ bearer: [] }]

/** The routes of one kind. Nothing is audited when the action throws. */
export function parkedRoutes<Row, Mark, Id>(
  pool: DatabasePool,
  { path, list, action }: ParkedKind<Row, Mark, Id>,
): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      path,
      {
        onRequest: [authenticate, requirePermission('operations:read')],
        schema: {
          tags,
          security,
          summary: list.summary,
          querystring: pageQuery,
          response: { 200: listOf(list.item), ...problemResponses(400, 401, 403) },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const before = readCursor(list.cursor, cursor)
        const rows = await list.rows(pool, { limit: limit + 1, before })
        return pageOf(rows, { limit, show: list.show, mark: list.mark })
      },
    )

    scope.post<{ Params: { readonly id: Id } }>(
      `${path}/:id/${action.name}`,
      {
        onRequest: [authenticate, requirePermission('operations:write')],
        schema: {
          tags,
          security,
          summary: action.summary,
          ...(action.description === undefined ? {} : { description: action.description }),
          params: z.object({ id: action.id }),
          response: { 202: action.answer, ...problemResponses(...action.problems) },
        },
      },
      async (request, reply) => {
        const answer = await pool.transaction(async (tx) => {
          const again = await action.run(tx, request.params.id)
          await appendAudit(tx, { actor: principalOf(request), ...again.audit })
          return again.answer
        })
        return reply.code(202).send(answer)
      },
    )
  }
}
