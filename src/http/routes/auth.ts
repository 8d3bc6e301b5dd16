import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Identity } from '../../identity/identity.ts'
import { languageOf } from '../../notifications/languages.ts'
import { loginBody, refreshBody, registerBody, signedInSchema } from '../schemas/auth.ts'
import { cartHeaders } from '../schemas/cart.ts'
import { problemResponses } from '../schemas/problem.ts'
import type { OnSignedIn } from '../server/merge-cart.ts'
import { addressOf, strictLimit, strictLimits } from '../server/rate-limit.ts'

const tags = ['identity']

export interface AuthRouteDeps {
  readonly identity: Identity
  readonly onSignedIn?: OnSignedIn | undefined
}

/** Registration and sessions. */
export function authRoutes(deps: AuthRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(signInRoutes(deps))
    await scope.register(sessionRoutes(deps))
  }
}

/** Opening an account, and logging in to it. */
function signInRoutes({ identity, onSignedIn }: AuthRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const registerLimit = strictLimit(
      scope,
      strictLimits.registerPerAddress,
      (request) => `register:${addressOf(request)}`,
    )
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/auth/register',
      {
        schema: {
          tags,
          summary: 'Open an account',
          description:
            'Mails to the account are in the language of `Accept-Language`, of those that there are: English and German. ' +
            `Limited to ${strictLimits.registerPerAddress} accounts a minute for each network address.`,
          headers: cartHeaders,
          body: registerBody,
          response: { 201: signedInSchema, ...problemResponses(400, 409, 429, 503) },
        },
        preHandler: registerLimit,
      },
      async (request, reply) => {
        const locale = languageOf(request.headers['accept-language'])
        const signedIn = await identity.register({ ...request.body, locale })
        await onSignedIn?.(request, signedIn.user)
        return reply.code(201).send(signedIn)
      },
    )

    app.post(
      '/api/auth/login',
      {
        schema: {
          tags,
          summary: 'Log in',
          description:
            `Limits of failed log-ins a minute: ${strictLimits.loginPerAddressAndEmail} for one network address and email ` +
            `together, ${strictLimits.loginPerEmail} for one email, ${strictLimits.loginPerAddress} for one network address.`,
          headers: cartHeaders,
          body: loginBody,
          response: { 200: signedInSchema, ...problemResponses(400, 401, 403, 429, 503) },
        },
        preHandler: loginLimits.map(({ max, keyOf }) => strictLimit(scope, max, keyOf)),
      },
      async (request) => {
        const forgive = scope.rateForgiver?.()
        const signedIn = await identity.login(request.body)
        for (const { keyOf } of loginLimits) forgive?.(keyOf(request))
        await onSignedIn?.(request, signedIn.user)
        return signedIn
      },
    )
  }
}

/** Going on with a session, and ending it. */
function sessionRoutes({ identity }: AuthRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.post(
      '/api/auth/refresh',
      {
        schema: {
          tags,
          summary: 'Exchange a refresh token for a new pair',
          description: 'A refresh token works once. A second use ends the whole session.',
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
            204: z.null().describe('The session has ended, or there was none'),
            ...problemResponses(400),
          },
        },
      },
      async (request, reply) => {
        await identity.logout(request.body.refreshToken)
        return reply.code(204).send(null)
      },
    )
  }
}

/** Counted before the password is looked at, so that many at once are no way around them; taken back when it is right. */
const loginLimits = [
  {
    max: strictLimits.loginPerAddress,
    keyOf: (request: FastifyRequest) => `login:${addressOf(request)}`,
  },
  {
    max: strictLimits.loginPerEmail,
    keyOf: (request: FastifyRequest) => `login:${emailOf(request)}`,
  },
  {
    max: strictLimits.loginPerAddressAndEmail,
    keyOf: (request: FastifyRequest) => `login:${addressOf(request)}:${emailOf(request)}`,
  },
]

function emailOf(request: FastifyRequest): string {
  return (request.body as z.infer<typeof loginBody>).email
}
