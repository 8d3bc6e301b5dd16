import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'

/** Collects the schemas of all routes that are registered after it and serves them at /openapi.json. */
export function describeApi(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        description:
          'Checkout for flash sales. Money is an integer in minor units, times are ISO 8601 in UTC, ids ' +
          'are UUIDv7. Every failure is an application/problem+json document with a `code`.',
        version: '1.0.0',
      },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
    transform: jsonSchemaTransform,
  })
  app.register(async (scope) => {
    let document: string | undefined
    scope.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      reply.header('content-type', 'application/json; charset=utf-8').send(document)
    })
  })
}
