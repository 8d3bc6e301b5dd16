import jwt from '@fastify/jwt'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  onRequestHookHandler,
} from 'fastify'
import type { EndedSessions } from '../../identity/ended-sessions.ts'
import {
  type Permission,
  type Principal,
  type Role,
  rolesWith,
} from '../../identity/permissions.ts'
import {
  accessTokenChecks,
  accessTokenLengthMax,
  principalOfClaims,
} from '../../identity/tokens.ts'
import { AppError } from '../../kernel/errors.ts'
import { sendProblem } from './problem.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly endedSessions: EndedSessions
  }
  interface FastifyRequest {
    /** Set by {@link authenticate}; read it with {@link principalOf}. */
    account: Principal | null
  }
}

/**
 * Makes {@link authenticate} and {@link identify} work in `app` and everything registered under it. The
 * tokens are signed by identity; here they are checked, by the same table.
 */
export function enableSessions(
  app: FastifyInstance,
  deps: { readonly secret: string; readonly ended: EndedSessions },
): void {
  const { secret, ended } = deps
  app.decorate('endedSessions', ended)
  app.decorateRequest('account', null)
  app.register(jwt, { secret, verify: accessTokenChecks })
}

/** Reads the bearer token, if there is a good one, into `request.account`. Never refuses. */
export function identify(request: FastifyRequest): Principal | null {
  if (request.account !== null) return request.account
  const header = request.headers.authorization
  if (header === undefined || !isBearer(header)) return null
  const token = header.slice(7)
  if (token === '' || token.length > accessTokenLengthMax) return null
  try {
    const principal = principalOfClaims(request.server.jwt.verify(token))
    if (principal && !request.server.endedSessions.has(principal.id)) request.account = principal
  } catch {
    // Whatever is wrong with it, the answer is the same, and says nothing about which check failed.
  }
  return request.account
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

/** An `onRequest` hook, after {@link authenticate}: 403 for everybody whose role does not hold the permission. */
export function requirePermission(permission: Permission): onRequestHookHandler {
  const allowed: readonly Role[] = rolesWith(permission)
  return function checkRole(request, reply, done) {
    if (allowed.includes(principalOf(request).role)) return done()
    sendProblem(
      request,
      reply,
      'forbidden',
      `Only accounts with the role ${allowed.join(' or ')} may do this.`,
    )
  }
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
