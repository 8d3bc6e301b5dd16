import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'

/**
 * Collects the schemas of all routes that are registered after it and serves them at /openapi.json, and at
 * /docs for people. The page and all it loads come from here.
 */
export function describeApi(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        description:
          'A checkout service for flash sales. Money is an integer in minor units, times are ISO 8601 in UTC, ids ' +
          'are UUIDv7. Every failure is an application/problem+json document. Compare its `code`; the texts may change.',
        version: '1.0.0',
      },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
    transform: (route) => nameSuccesses(jsonSchemaTransform(route)),
  })
  app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { validatorUrl: null, layout: 'BaseLayout', displayRequestDuration: true },
    theme: { title: 'Sluice API' },
    staticCSP: true,
    transformStaticCSP: onlyFromHere,
  })
  app.register(async (scope) => {
    let document: string | undefined
    scope.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
      document ??= JSON.stringify(app.swagger())
      reply.header('content-type', 'application/json; charset=utf-8').send(document)
    })
  })
}

/** Gives each answer without words of its own the word `Success`; otherwise it is called "Default Response". */
function nameSuccesses(described: ReturnType<typeof jsonSchemaTransform>): typeof described {
  const answers = (described.schema as { response?: Record<string, Record<string, unknown>> })
    .response
  for (const answer of Object.values(answers ?? {})) {
    if (answer.description === undefined) answer['x-response-description'] ??= 'Success'
  }
  return described
}

/** Of the page's own policy, which knows its inline parts by hash, what speaks of other places is left out. */
function onlyFromHere(policy: string): string {
  return policy
    .replaceAll(' https:', '')
    .replaceAll(' validator.swagger.io', '')
    .replace('upgrade-insecure-requests;', "form-action 'none';")
    .replace("frame-ancestors 'self'", "frame-ancestors 'none'")
}
