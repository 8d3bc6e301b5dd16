import type { TestContext } from 'node:test'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { pino } from 'pino'
import type { DatabasePool } from 'slonik'
import type { RedisHandle } from '../../dev/embedded-redis.ts'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { buildApp } from '../../src/http/app.ts'
import { accountRoutes } from '../../src/http/routes/account.ts'
import { createIdentity } from '../../src/identity/identity.ts'
import type { Role } from '../../src/identity/permissions.ts'
import { type Clock, systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { openPool, sql } from '../../src/platform/postgres/pool.ts'
import { openRedis, type RedisClient } from '../../src/platform/redis/client.ts'
import { createRegistry } from '../../src/platform/telemetry/metrics.ts'
import { eventually } from './eventually.ts'
import { createTestDatabase, createTestRedis } from './stores.ts'

export interface TestApp {
  readonly app: FastifyInstance
  readonly config: Config
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly redisServer: RedisHandle
  /** The Authorization header of an account that exists nowhere but in its token. */
  bearer(role?: Role, id?: string): { authorization: string }
}

/** The HTTP server on stores of the test's own, without a port: requests go in by `app.inject`. */
export async function startTestApp(
  t: TestContext,
  options: {
    readonly settings?: Readonly<Record<string, string>>
    readonly routes?: readonly FastifyPluginAsync[]
    readonly clock?: Clock
    /** Default: a new one of the shared server. */
    readonly databaseUrl?: string
  } = {},
): Promise<TestApp> {
  const config = loadConfig({
    NODE_ENV: 'test',
    RATE_LIMIT_PER_MINUTE: '0',
    ...options.settings,
  })
  const [databaseUrl, redisServer] = await Promise.all([
    options.databaseUrl ?? createTestDatabase(t),
    createTestRedis(t),
  ])
  const pool = await openPool(databaseUrl, {
    max: 8,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  const redis = openRedis(redisServer.url, 'gate', () => {})
  const { clock = systemClock } = options
  const identity = createIdentity({ pool, jwtSecret: config.JWT_SECRET })
  const app = buildApp({
    config,
    log: pino({ level: 'silent' }),
    identity,
    redis,
    health: {
      db: () => pool.oneFirst(sql.typeAlias('count')`select 1 as count`),
      redis: () => redis.ping(),
      payments: () => true,
    },
    routes: [
      accountRoutes({ identity, eraseAccount: (id) => identity.erase(id) }),
      ...(options.routes ?? []),
    ],
    metrics: createRegistry(),
    clock,
  })
  t.after(async () => {
    await app.close()
    redis.disconnect()
    await pool.end()
  })
  await app.ready()
  await eventually(() => redis.ping())
  return {
    app,
    config,
    pool,
    redis,
    redisServer,
    bearer: (role = 'buyer', id = newId()) => ({
      authorization: `Bearer ${identity.tokens.issueAccessToken({ id, role })}`,
    }),
  }
}
