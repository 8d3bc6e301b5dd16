/** What administrators may do with the accounts of others. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import type { Identity } from '../../identity/identity.ts'
import { barBody, barredSchema } from '../schemas/auth.ts'
import { problemResponses } from '../schemas/problem.ts'
import { authenticate, principalOf, requirePermission } from '../server/session.ts'

const tags = ['operations']
const security = [{ bearer: [] }]
const onRequest = [authenticate, requirePermission('accounts:bar')]
const params = z.object({ id: z.uuid().toLowerCase() })

export function userRoutes(deps: {
  readonly identity: Identity
  /** Gives back what the account holds and has not paid. */
  readonly giveBackAll: (accountId: string) => Promise<void>
}): FastifyPluginAsync {
  const { identity } = deps
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.put(
      '/api/users/:id/bar',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Ban an account',
          description:
            'Its sessions end within a second, it cannot log in, and units that it holds and has not paid go back. ' +
            'A second ban changes the reason.',
          params,
          body: barBody,
          response: { 200: barredSchema, ...problemResponses(400, 401, 403, 404, 409) },
        },
      },
      async (request) => {
        const { id } = request.params
        const { reason } = request.body
        const entry = {
          actor: principalOf(request),
          action: 'account.barred',
          subject: `account:${id}`,
          details: { reason },
        }
        const barred = await identity.bar(id, reason, (tx) => appendAudit(tx, entry))
        await deps.giveBackAll(id)
        return { user: { ...barred, barredAt: barred.barredAt.toISOString() } }
      },
    )

    app.delete(
      '/api/users/:id/bar',
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: 'Lift a ban',
          params,
          response: {
            204: z.null().describe('The ban is lifted'),
            ...problemResponses(400, 401, 403, 404),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const entry = {
          actor: principalOf(request),
          action: 'account.unbarred',
          subject: `account:${id}`,
        }
        await identity.unbar(id, (tx) => appendAudit(tx, entry))
        return reply.code(204).send(null)
      },
    )
  }
}
