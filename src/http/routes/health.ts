import type { FastifyPluginAsync } from 'fastify'
import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { createHealth, type HealthChecks } from '../server/health.ts'

const verdict = z.enum(['healthy', 'unhealthy'])
const healthSchema = z.object({
  status: z.enum(['ok', 'unavailable']),
  db: verdict,
  redis: verdict,
})

const readinessSchema = healthSchema.extend({
  payments: verdict.describe('unhealthy while the payment provider refuses the key of this shop'),
})

/** What load balancers and people ask: is it there, and may it be sent work? */
export function healthRoutes(deps: {
  readonly checks: HealthChecks
  readonly clock: Clock
}): FastifyPluginAsync {
  const ask = createHealth(deps.checks, deps.clock)
  return async (app) => {
    let closing = false
    app.addHook('preClose', async () => {
      closing = true
    })
    const schema = {
      tags: ['health'],
      response: { 200: healthSchema, 503: healthSchema },
    }

    app.get(
      '/health',
      { schema: { ...schema, summary: 'Health of PostgreSQL and Redis; 503 when one is away' } },
      async (_request, reply) => {
        const health = await ask()
        return reply.code(health.status === 'ok' ? 200 : 503).send(health)
      },
    )
    app.get(
      '/health/ready',
      {
        schema: {
          ...schema,
          response: { 200: readinessSchema, 503: readinessSchema },
          summary:
            'Readiness: 503 while the process drains, a store is away, or the payment provider refuses our key',
        },
      },
      async (_request, reply) => {
        const health = await ask()
        const known = deps.checks.payments()
        const payments = known ? ('healthy' as const) : ('unhealthy' as const)
        const ready = health.status === 'ok' && known && !closing
        return reply
          .code(ready ? 200 : 503)
          .send({ ...health, status: ready ? 'ok' : 'unavailable', payments })
      },
    )
    app.get(
      '/health/live',
      {
        schema: {
          tags: ['health'],
          summary: 'Liveness: 200 while the process answers',
          response: { 200: z.object({ status: z.literal('ok') }) },
        },
      },
      async () => ({ status: 'ok' }),
    )
  }
}
