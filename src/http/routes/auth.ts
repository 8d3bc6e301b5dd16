import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Identity } from '../../identity/identity.ts'
import { addressOf, type RateLimits, strictLimits } from '../rate-limit.ts'
import { loginBody, meSchema, refreshBody, registerBody, signedInSchema } from '../schemas/auth.ts'
import { problemResponses } from '../schemas/problem.ts'
import { authenticate, principalOf } from '../session.ts'

const tags = ['identity']
const bearer = [{ bearer: [] }]

/** Registration, sessions and the account itself. */
export function authRoutes(deps: {
  readonly identity: Identity
  readonly rateLimits: RateLimits
}): FastifyPluginAsync {
  const { identity, rateLimits } = deps
  const registerLimit = rateLimits.strict(
    strictLimits.registerPerAddress,
    (request) => `register:${addressOf(request)}`,
  )
  const loginLimit = rateLimits.strict(
    strictLimits.loginPerAddressAndEmail,
    (request: FastifyRequest) =>
      `login:${addressOf(request)}:${(request.body as z.infer<typeof loginBody>).email}`,
  )

  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/auth/register',
      {
        schema: {
          tags,
          summary: 'Open an account',
          description: `At most ${strictLimits.registerPerAddress} a minute and address.`,
          body: registerBody,
          response: { 201: signedInSchema, ...problemResponses(400, 409, 429, 503) },
        },
        preHandler: registerLimit,
      },
      async (request, reply) => {
        const signedIn = await identity.register(request.body)
        return reply.code(201).send(signedIn)
      },
    )

    app.post(
      '/api/auth/login',
      {
        schema: {
          tags,
          summary: 'Log in',
          description: `At most ${strictLimits.loginPerAddressAndEmail} a minute, address and email.`,
          body: loginBody,
          response: { 200: signedInSchema, ...problemResponses(400, 401, 429, 503) },
        },
        preHandler: loginLimit,
      },
      async (request) => identity.login(request.body),
    )

    app.post(
      '/api/auth/refresh',
      {
        schema: {
          tags,
          summary: 'Exchange a refresh token for a new pair',
          description: 'A refresh token works once. Using one again ends the whole session.',
          body: refreshBody,
          response: { 200: signedInSchema, ...problemResponses(400, 401) },
        },
      },
      async (request) => identity.refresh(request.body.refreshToken),
    )

    app.post(
      '/api/auth/logout',
      {
        schema: {
          tags,
          summary: 'End a session',
          body: refreshBody,
          response: {
            204: z.null().describe('Done, or there was nothing to end'),
            ...problemResponses(400),
          },
        },
      },
      async (request, reply) => {
        await identity.logout(request.body.refreshToken)
        return reply.code(204).send(null)
      },
    )

    app.get(
      '/api/me',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security: bearer,
          summary: 'The account of the caller',
          response: { 200: meSchema, ...problemResponses(401) },
        },
      },
      async (request) => ({ user: await identity.find(principalOf(request).id) }),
    )
  }
}
