import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply } from 'fastify'

/**
 * The same for every answer, so they are built once. Routes that serve pages set their own
 * content-security-policy and cache-control over these.
 */
const constantHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
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
