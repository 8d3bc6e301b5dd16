import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  fastify,
  LogController,
} from 'fastify'
import { validatorCompiler } from 'fastify-type-provider-zod'
import type { Config } from '../config/config.ts'
import type { Identity } from '../identity/identity.ts'
import type { Clock } from '../kernel/clock.ts'
import { limits } from '../kernel/limits.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import type { Registry } from '../platform/telemetry/metrics.ts'
import { authRoutes } from './routes/auth.ts'
import { benchRoutes } from './routes/bench.ts'
import { healthRoutes } from './routes/health.ts'
import { boundClose } from './server/bounded-close.ts'
import { clientErrorHandler } from './server/client-error.ts'
import type { HealthChecks } from './server/health.ts'
import { parseJsonBodies } from './server/json-body.ts'
import type { OnSignedIn } from './server/merge-cart.ts'
import { handleUnknownPaths } from './server/not-found.ts'
import { describeApi } from './server/openapi.ts'
import { answerError, handleProblems, sendProblem } from './server/problem.ts'
import { limitRates } from './server/rate-limit.ts'
import { requestIdOf } from './server/request-id.ts'
import { measureRequests } from './server/request-metrics.ts'
import { allowOrigins, secure } from './server/security-headers.ts'
import { enableSessions } from './server/session.ts'

/** What the server is built from. */
export interface AppDeps {
  readonly config: Config
  readonly log: Logger
  readonly identity: Identity
  /** A connection that fails at once; the rate limits share their counts over it. */
  readonly redis: RedisClient
  readonly health: HealthChecks
  /** Further routes. They find `authenticate` and `requirePermission` in session.ts. */
  readonly routes: readonly FastifyPluginAsync[]
  /** Where requests are measured; without it there is no /metrics. */
  readonly metrics?: Registry
  readonly clock: Clock
  readonly onSignedIn?: OnSignedIn
}

const serverLimits = {
  headerBytes: 16 * 1024,
  urlLength: 4_096,
  pathParameterLength: 200,
  /** For a whole request to arrive. */
  requestMs: 20_000,
  /** Silence on a socket: longer than the longest `Prefer: wait` and the heartbeat of an event stream. */
  connectionMs: 75_000,
  keepAliveMs: 72_000,
} as const

/** Builds the HTTP server from the modules handed in. It listens nowhere yet; `close()` lets requests finish, five seconds at most. */
export function buildApp(deps: AppDeps): FastifyInstance {
  const { config, identity, clock } = deps
  const log: FastifyBaseLogger = deps.log
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all: a child per request costs more than most requests log. Failures name their
    // request id themselves.
    childLoggerFactory: (logger) => logger,
    genReqId: requestIdOf,
    trustProxy: config.TRUST_PROXY > 0 && ((_address, hop) => hop < config.TRUST_PROXY),
    bodyLimit: limits.bodyBytes,
    requestTimeout: serverLimits.requestMs,
    connectionTimeout: serverLimits.connectionMs,
    keepAliveTimeout: serverLimits.keepAliveMs,
    forceCloseConnections: 'idle',
    // Requests that are already under way on a kept connection are served to the end.
    return503OnClosing: false,
    http: { maxHeaderSize: serverLimits.headerBytes },
    routerOptions: { maxParamLength: serverLimits.pathParameterLength },
    clientErrorHandler,
    frameworkErrors: (error, request, reply) => {
      secure(reply)
      reply.header('x-request-id', request.id)
      answerError(error, request, reply)
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  // Response schemas are documentation and types; parsing what we just built costs on every hot answer.
  app.setSerializerCompiler(() => JSON.stringify)
  parseJsonBodies(app)
  handleProblems(app)
  boundClose(app, clock)
  enableSessions(app, { secret: config.JWT_SECRET, ended: identity.ended })
  app.addHook('onRequest', function prepare(request, reply, done) {
    secure(reply)
    reply.header('x-request-id', request.id)
    const { url } = request
    // No name or search of ours holds a NUL, and PostgreSQL takes none.
    if (url.length <= serverLimits.urlLength && !url.includes('%00')) return done()
    const detail = url.includes('%00')
      ? 'The URL contains a NUL character.'
      : `The URL is longer than ${serverLimits.urlLength} characters.`
    sendProblem(request, reply, 'validation_failed', detail)
  })
  allowOrigins(app, config.CORS_ORIGINS)
  limitRates(app, { perMinute: config.RATE_LIMIT_PER_MINUTE, redis: deps.redis, clock })
  handleUnknownPaths(app)
  if (deps.metrics) measureRequests(app, deps.metrics)
  describeApi(app)

  app.register(healthRoutes({ checks: deps.health, clock }))
  app.register(authRoutes({ identity, onSignedIn: deps.onSignedIn }))
  if (config.BENCH_ROUTES) app.register(benchRoutes())
  for (const routes of deps.routes) app.register(routes)
  return app
}
