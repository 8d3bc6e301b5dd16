import type { FastifyPluginAsync } from 'fastify'
import { authenticate } from '../server/session.ts'

/** The yardstick of the benchmark: a token is checked, a body is parsed, and nothing is done. */
export function benchRoutes(): FastifyPluginAsync {
  return async (app) => {
    app.get(
      '/api/bench/baseline',
      {
        schema: {
          tags: ['benchmark'],
          summary: 'Does nothing',
          description:
            'A GET with no work behind it: the baseline that the benchmark compares reads with.',
        },
      },
      (_request, reply) => {
        reply.send({ ok: true })
      },
    )
    app.post(
      '/api/bench/baseline',
      {
        onRequest: authenticate,
        schema: {
          tags: ['benchmark'],
          security: [{ bearer: [] }],
          summary: 'Does nothing',
          description:
            'An authenticated POST with no work behind it: the baseline that the benchmark compares with. ' +
            'Takes any JSON body.',
        },
      },
      (_request, reply) => {
        reply.send({ ok: true })
      },
    )
  }
}
