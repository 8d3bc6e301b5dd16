/** What an account may do with itself. */
import type { FastifyPluginAsync } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { EraseAccount } from '../../flows/account/erase-account.ts'
import type { Identity } from '../../identity/identity.ts'
import { storedLanguage } from '../../notifications/languages.ts'
import {
  mailPreferencesBody,
  mailPreferencesSchema,
  meSchema,
  passwordBody,
} from '../schemas/auth.ts'
import { problemResponses } from '../schemas/problem.ts'
import { strictLimit, strictLimits } from '../server/rate-limit.ts'
import { authenticate, principalOf } from '../server/session.ts'

const tags = ['identity']
const security = [{ bearer: [] }]

export interface AccountRouteDeps {
  readonly identity: Identity
  readonly eraseAccount: EraseAccount
}

export function accountRoutes(deps: AccountRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    await scope.register(meRoutes(deps))
    await scope.register(passwordRoute(deps))
    await scope.register(mailRoute(deps))
  }
}

function meRoutes({ identity, eraseAccount }: AccountRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    const app = scope.withTypeProvider<ZodTypeProvider>()

    app.get(
      '/api/me',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security,
          summary: 'Get the account of the caller',
          response: { 200: meSchema, ...problemResponses(401) },
        },
      },
      async (request) => ({ user: await identity.find(principalOf(request).id) }),
    )

    app.delete(
      '/api/me',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security,
          summary: 'Erase the account',
          description:
            'Erases name, email and password, ends every session, and gives back units that are held and not paid. ' +
            'Orders stay, without a name. A job erases cart, stock alerts and delivery places a moment later.',
          response: {
            204: z.null().describe('The account is erased'),
            ...problemResponses(401, 503),
          },
        },
      },
      async (request, reply) => {
        await eraseAccount(principalOf(request).id)
        return reply.code(204).send(null)
      },
    )
  }
}

function passwordRoute({ identity }: AccountRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().put(
      '/api/me/password',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security,
          summary: 'Change the password',
          description:
            'Ends all refresh tokens of the account. Access tokens go on until they expire. ' +
            `Limited to ${strictLimits.passwordPerAccount} tries a minute for each account.`,
          body: passwordBody,
          response: {
            204: z.null().describe('The password is changed'),
            ...problemResponses(400, 401, 429, 503),
          },
        },
        preHandler: strictLimit(
          scope,
          strictLimits.passwordPerAccount,
          (request) => `password:${principalOf(request).id}`,
        ),
      },
      async (request, reply) => {
        await identity.changePassword(principalOf(request).id, request.body)
        return reply.code(204).send(null)
      },
    )
  }
}

function mailRoute({ identity }: AccountRouteDeps): FastifyPluginAsync {
  return async (scope) => {
    scope.withTypeProvider<ZodTypeProvider>().patch(
      '/api/me/mails',
      {
        onRequest: authenticate,
        schema: {
          tags,
          security,
          summary: 'Change which mails the account gets, and in which language',
          description: 'Members that are not sent stay as they are; `{}` only answers what is set.',
          body: mailPreferencesBody,
          response: { 200: mailPreferencesSchema, ...problemResponses(400, 401) },
        },
      },
      async (request) => {
        const { id } = principalOf(request)
        const { language = null, sales = null } = request.body
        const set = await identity.preferMails(id, { locale: language, sales })
        return { language: storedLanguage(set.locale), sales: set.sales }
      },
    )
  }
}
