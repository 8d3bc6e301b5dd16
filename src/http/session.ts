import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  onRequestHookHandler,
} from 'fastify'
import { type Permission, type Principal, type Role, rolesWith } from '../identity/permissions.ts'
import type { Tokens } from '../identity/tokens.ts'
import { AppError } from '../kernel/errors.ts'
import { sendProblem } from './problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly tokens: Tokens
  }
  interface FastifyRequest {
    /** Set by {@link authenticate}; read it with {@link principalOf}. */
    account: Principal | null
  }
}

/** Makes {@link authenticate} and {@link identify} work in `app` and everything registered under it. */
export function enableSessions(app: FastifyInstance, tokens: Tokens): void {
  app.decorate('tokens', tokens)
  app.decorateRequest('account', null)
}

/** Reads the bearer token, if there is a good one, into `request.account`. Never refuses. */
export function identify(request: FastifyRequest): Principal | null {
  if (request.account !== null) return request.account
  const header = request.headers.authorization
  if (header === undefined || !isBearer(header)) return null
  const principal = request.server.tokens.verifyAccessToken(header.slice(7)) ?? null
  request.account = principal
  return principal
}

/**
 * An `onRequest` hook for routes that need an account: without a valid access token the answer is 401
 * before the body is read.
 */
export function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (identify(request) !== null) {
    done()
  } else if (request.headers.authorization === undefined) {
    sendProblem(request, reply, 'unauthenticated', 'Send an access token as Authorization: Bearer.')
  } else {
    reply.header('www-authenticate', 'Bearer error="invalid_token"')
    sendProblem(request, reply, 'unauthenticated', 'The access token is not valid or has expired.')
  }
}

/** An `onRequest` hook, after {@link authenticate}: 403 for everybody but accounts of these roles. */
export function requireRole(...allowed: readonly Role[]): onRequestHookHandler {
  return function checkRole(request, reply, done) {
    if (allowed.includes(principalOf(request).role)) return done()
    sendProblem(
      request,
      reply,
      'forbidden',
      `Only for accounts with the role ${allowed.join(' or ')}.`,
    )
  }
}

/** As {@link requireRole}, by what the caller wants to do. */
export function requirePermission(permission: Permission): onRequestHookHandler {
  return requireRole(...rolesWith(permission))
}

/** The account of an authenticated request; throws `unauthenticated` where {@link authenticate} did not run. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.account === null) {
    throw new AppError('unauthenticated', 'Send an access token as Authorization: Bearer.')
  }
  return request.account
}

/** The scheme's name is case-insensitive (RFC 9110). */
function isBearer(header: string): boolean {
  return header.startsWith('Bearer ') || header.slice(0, 7).toLowerCase() === 'bearer '
}
