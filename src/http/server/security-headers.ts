import type { IncomingMessage, ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply } from 'fastify'
import helmet from 'helmet'

const nothing = ["'none'"]

/**
 * Helmet's headers, for answers that are data and not pages. They are the same for every answer, so they
 * are built once. Routes that serve pages set their own content-security-policy and cache-control over these.
 */
const constantHeaders: Readonly<Record<string, string>> = {
  ...headersOf({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: nothing,
        frameAncestors: nothing,
        baseUri: nothing,
        formAction: nothing,
      },
    },
    xFrameOptions: { action: 'deny' },
    // These are about pages, and about browsers that nobody uses any more.
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
  'cache-control': 'no-store',
}

/** Lets helmet write its headers to an answer that goes nowhere. */
function headersOf(options: Parameters<typeof helmet>[0]): Record<string, string> {
  const headers: Record<string, string> = {}
  const nowhere: Pick<ServerResponse, 'removeHeader'> & { setHeader: unknown } = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value
    },
    removeHeader: () => {},
  }
  helmet(options)({} as IncomingMessage, nowhere as ServerResponse, () => {})
  return headers
}

/** Sets the constant headers; `reply.header` afterwards replaces one. */
export function secure(reply: FastifyReply): void {
  reply.headers(constantHeaders)
}

/** Lets pages of the listed origins (comma-separated) call the API. Nothing is allowed by default. */
export function allowOrigins(app: FastifyInstance, list: string): void {
  const origins = list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  if (origins.length === 0) return
  app.register(cors, {
    origin: origins,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'idempotency-key',
      'if-match',
      'prefer',
      'x-cart-id',
      'x-request-id',
      'last-event-id',
    ],
    exposedHeaders: [
      'location',
      'etag',
      'retry-after',
      'idempotency-replayed',
      'preference-applied',
      'x-request-id',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
    ],
    maxAge: 600,
  })
}
