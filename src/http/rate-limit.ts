import { isIPv4 } from 'node:net'
import type {
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
  preHandlerHookHandler,
} from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { sendProblem } from './problem.ts'
import { identify } from './session.ts'
import { createSharedCounters } from './shared-counters.ts'

/** Requests per minute that no setting changes; they are off together with the general limit. */
export const strictLimits = {
  /** Log-ins per address and email: slows guessing down without locking an owner out for long. */
  loginPerAddressAndEmail: 10,
  /** Registrations per address. Room for a household or an office, not for a factory of accounts. */
  registerPerAddress: 60,
} as const

const windowMs = 60_000

/** Probes must not be refused, and webhooks prove themselves by signature. */
const exemptPrefixes = ['/health', '/metrics', '/webhooks/'] as const

export interface RateLimits {
  /** `onRequest` for every route: counts the account if the token is good, else the address. */
  readonly general: (
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ) => void
  /** A `preHandler` with a stricter limit on what `key` says, after the body was checked. */
  readonly strict: (max: number, key: (request: FastifyRequest) => string) => preHandlerHookHandler
}

/**
 * Rate limits by fixed one-minute windows, counted in this process at once and shared with the others
 * over Redis a moment later; with Redis away each process counts for itself. `perMinute` 0 turns all off.
 */
export function createRateLimits(deps: {
  readonly perMinute: number
  readonly redis: RedisClient
  readonly clock: Clock
}): RateLimits {
  const { perMinute, clock } = deps
  const counters = createSharedCounters({ redis: deps.redis, clock, windowMs })

  const admit = (
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    max: number,
  ): boolean => {
    const count = counters.hit(key, max)
    const resetSeconds = Math.ceil((windowMs - (clock.now() % windowMs)) / 1000)
    reply.header('ratelimit-limit', max)
    reply.header('ratelimit-remaining', Math.max(0, max - count))
    reply.header('ratelimit-reset', resetSeconds)
    if (count <= max) return true
    sendProblem(request, reply, 'rate_limited', `At most ${max} requests of this kind a minute.`, {
      retryAfterSeconds: resetSeconds,
    })
    return false
  }

  if (perMinute === 0) {
    return {
      general: (_request, _reply, done) => done(),
      strict: () => (_request, _reply, done) => done(),
    }
  }
  return {
    general: (request, reply, done) => {
      if (exemptPrefixes.some((prefix) => request.url.startsWith(prefix))) return done()
      const account = identify(request)
      const key = account ? `account:${account.id}` : `address:${addressOf(request)}`
      if (admit(request, reply, key, perMinute)) done()
    },
    strict: (max, key) => (request, reply, done) => {
      if (admit(request, reply, key(request), max)) done()
    },
  }
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
