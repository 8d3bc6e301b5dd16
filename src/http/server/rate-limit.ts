import { isIPv4 } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  preHandlerHookHandler,
} from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { answerError, sendProblem } from './problem.ts'
import { identify } from './session.ts'
import { SharedCounters } from './shared-counters.ts'

/** Requests per minute that no setting changes; they are off together with the general limit. */
export const strictLimits = {
  /** Failed log-ins per address and email: slows guessing down without locking an owner out for long. */
  loginPerAddressAndEmail: 10,
  /** Failed log-ins per email from everywhere: many addresses together guess no faster than this. */
  loginPerEmail: 30,
  /** Failed log-ins per address: room for an office, not for a list of stolen passwords. */
  loginPerAddress: 300,
  /** Registrations per address. Room for a household or an office, not for a factory of accounts. */
  registerPerAddress: 60,
  /** Changes and erasures, which ask for the password again, per account. */
  passwordPerAccount: 10,
} as const

const windowMs = 60_000

/** Probes must not be refused, and webhooks prove themselves by signature. Of routes, not of what a client writes. */
const exemptPrefixes = ['/health', '/metrics', '/webhooks/'] as const

/**
 * Limits every request to `perMinute` per account, else per address, by fixed one-minute windows. They are
 * counted in this process at once and shared with the others over Redis a moment later; with Redis away
 * each process counts for itself. 0 turns these limits and the strict ones off.
 */
export function limitRates(
  app: FastifyInstance,
  deps: { readonly perMinute: number; readonly redis: RedisClient; readonly clock: Clock },
): void {
  const { perMinute: max, redis, clock } = deps
  if (max === 0) return
  const counters = new SharedCounters({ redis, clock, windowMs })
  app.decorate('rateForgiver', () => {
    const at = clock.now()
    return (key: string) => counters.forgive(key, at)
  })
  class SharedStore {
    incr(
      key: string,
      callback: (error: null, result: { current: number; ttl: number }) => void,
      window: number,
      maximum: number,
    ): void {
      callback(null, { current: counters.hit(key, maximum), ttl: window - (clock.now() % window) })
    }
    child(): this {
      return this
    }
  }
  app.register(
    fp(async (scope) => {
      // Not by the plugin's own hook: that one runs behind a route's `authenticate`, so it would never see
      // a flood without tokens; and once a request, so a route could have no second limit.
      await scope.register(rateLimit, { global: false, timeWindow: windowMs, store: SharedStore })
      const check = limitBy(scope, max, keyOf)
      scope.addHook('onRequest', function limitRequests(request, reply, done) {
        const route = request.routeOptions.url
        if (exemptPrefixes.some((prefix) => route?.startsWith(prefix))) return done()
        check.call(scope, request, reply, done)
      })
    }),
  )
}

declare module 'fastify' {
  interface FastifyInstance {
    /** To take back what was just counted under a key of {@link strictLimit}; missing when limits are off. */
    rateForgiver?: () => (key: string) => void
  }
}

/** A `preHandler` with a stricter limit on what `key` says, after the body was checked. */
export function strictLimit(
  scope: FastifyInstance,
  max: number,
  key: (request: FastifyRequest) => string,
): preHandlerHookHandler {
  if (!scope.hasDecorator('createRateLimit')) return (_request, _reply, done) => done()
  return limitBy(scope, max, key)
}

function limitBy(
  scope: FastifyInstance,
  max: number,
  keyGenerator: (request: FastifyRequest) => string,
): onRequestHookHandler & preHandlerHookHandler {
  const count = scope.createRateLimit({ max, timeWindow: windowMs, keyGenerator })
  return (request, reply, done) => {
    count(request).then(
      (result) => {
        if (result.isAllowed || admit(request, reply, result)) done()
      },
      (error: unknown) => answerError(error, request, reply),
    )
  }
}

/** Tells the client where it stands; false when the refusal has been sent. No error is thrown: it would cost its stack. */
function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  found: {
    readonly max: number
    readonly remaining: number
    readonly ttlInSeconds: number
    readonly isExceeded: boolean
  },
): boolean {
  reply.header('ratelimit-limit', found.max)
  reply.header('ratelimit-remaining', found.remaining)
  reply.header('ratelimit-reset', found.ttlInSeconds)
  if (!found.isExceeded) return true
  sendProblem(
    request,
    reply,
    'rate_limited',
    `At most ${found.max} requests of this kind are allowed in a minute. Retry-After says how long to wait.`,
    { retryAfterSeconds: found.ttlInSeconds },
  )
  return false
}

function keyOf(request: FastifyRequest): string {
  const account = identify(request)
  return account ? `account:${account.id}` : `address:${addressOf(request)}`
}

/** The client's address; of IPv6 the /64, which is what one customer of a provider is given. */
export function addressOf(request: FastifyRequest): string {
  const address = request.ip
  if (isIPv4(address)) return address
  if (address.startsWith('::ffff:') && isIPv4(address.slice(7))) return address.slice(7)
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? []
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? 0 : tail.split(':').length
    while (groups.length < 8 - rest) groups.push('0')
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}
