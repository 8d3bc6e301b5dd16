/** Where a run takes place: private stores and servers of its own, or somebody's running server. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Services, startServices } from '../../dev/services.ts'
import { type Config, loadConfig, requireStores } from '../../src/config/config.ts'
import { newId } from '../../src/kernel/ids.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'
import { openPool } from '../../src/platform/postgres/pool.ts'
import { openRedis } from '../../src/platform/redis/client.ts'
import { type Buyers, buyersMax, insertAccounts, registerBuyers, signedBuyers } from './buyers.ts'
import type { Access } from './context.ts'
import type { BenchOptions } from './options.ts'
import type { Progress } from './progress.ts'
import { endLeftServers, Servers } from './servers.ts'

export interface Ground {
  /** Undefined with a target whose stores are not known. */
  readonly access: Access | undefined
  /** Undefined with a target. */
  readonly servers: Servers | undefined
  /** Settings of the servers, as a program's environment. */
  readonly settings: Readonly<Record<string, string>>
  readonly buyers: Buyers
  /** Origin of the target; empty when the servers are ours. */
  readonly targetUrl: string
  /** Ends whatever this run started. Never rejects. */
  stop(): Promise<void>
}

/** The yardstick; and without what is not a buyer's business, or would keep one machine's load out. */
const benchSettings = {
  RATE_LIMIT_PER_MINUTE: '0',
  LOG_LEVEL: 'warn',
  BENCH_ROUTES: '1',
} as const
const buyersAtLeast = 2_000
const registeredMax = 500

/** Private PostgreSQL, Redis and servers in a folder below DATA_DIR that is removed at the end. */
export async function ownGround(
  options: BenchOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Ground> {
  const dir = join(resolve(loadConfig().DATA_DIR), 'bench')
  const services = await freshServices(dir, progress)
  const undo: (() => Promise<unknown>)[] = [
    async () => rmSync(dir, { recursive: true, force: true }),
    () => services.stop(),
  ]
  try {
    signal.throwIfAborted()
    await migrate(services.databaseUrl, () => {})
    const settings = {
      ...benchSettings,
      DATABASE_URL: services.databaseUrl,
      REDIS_URL: services.redisUrl,
      JWT_SECRET: randomBytes(32).toString('hex'),
      STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('hex')}`,
      DATA_DIR: dir,
    }
    const access = await openAccess(services.databaseUrl, services.redisUrl, progress)
    undo.push(access.close)
    const servers = new Servers({
      dir: join(dir, 'servers'),
      settings,
      profileDir: options.profile && resolve(options.profile),
      signal,
    })
    undo.push(() => servers.stop())
    const count = Math.min(buyersMax, Math.max(buyersAtLeast, options.stock))
    progress.update(`making ${count} buyers`)
    const ids = await insertAccounts(access.pool, count, 'buyer')
    const buyers = signedBuyers(ids, settings.JWT_SECRET)
    return { access, servers, settings, buyers, targetUrl: '', stop: () => undoAll(undo, progress) }
  } catch (error) {
    await undoAll(undo, progress)
    throw error
  }
}

/** A run that was killed has left its data and servers behind: both are thrown away first. */
async function freshServices(dir: string, progress: Progress): Promise<Services> {
  const start = () => {
    mkdirSync(dir, { recursive: true })
    return startServices({ dataDir: dir, log: (line) => progress.update(line) })
  }
  if (existsSync(dir)) {
    const left = await start()
    await endLeftServers(join(dir, 'servers'))
    await left.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return start()
}

/**
 * A running server. With DATABASE_URL and REDIS_URL fresh SKUs are made and guarantees judged, else the
 * demo SKU is sold as it is. Tokens are signed with JWT_SECRET when the server accepts them, else buyers
 * are registered over HTTP. @throws Error when the server does not answer.
 */
export async function targetGround(
  url: string,
  options: BenchOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Ground> {
  const config = loadConfig()
  await expectHealthy(url, signal)
  const undo: (() => Promise<unknown>)[] = []
  try {
    const access = await targetAccess(config, progress)
    if (access) undo.push(access.close)
    const buyers = await targetBuyers(url, config, access, options, progress, signal)
    const settings = {
      JWT_SECRET: config.JWT_SECRET,
      SWEEP_SECONDS: String(config.SWEEP_SECONDS),
    }
    return {
      access,
      servers: undefined,
      settings,
      buyers,
      targetUrl: url,
      stop: () => undoAll(undo, progress),
    }
  } catch (error) {
    await undoAll(undo, progress)
    throw error
  }
}

async function targetAccess(config: Config, progress: Progress) {
  if (!config.DATABASE_URL || !config.REDIS_URL) {
    progress.say(
      'DATABASE_URL and REDIS_URL are not both set: FLASH-001 is sold, guarantees are not judged',
    )
    return undefined
  }
  const { DATABASE_URL, REDIS_URL } = requireStores(config)
  return openAccess(DATABASE_URL, REDIS_URL, progress)
}

async function targetBuyers(
  url: string,
  config: Config,
  access: Access | undefined,
  options: BenchOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Buyers> {
  const [probe] = signedBuyers([newId()], config.JWT_SECRET).tokens()
  const answer = await fetch(`${url}/api/bench/baseline`, {
    method: 'POST',
    headers: { authorization: `Bearer ${probe}`, 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  })
  await answer.body?.cancel()
  if (answer.status === 404) {
    throw new Error(`--target: ${url} has no /api/bench routes: start it with BENCH_ROUTES=1`)
  }
  const count = Math.min(buyersMax, Math.max(buyersAtLeast, options.stock))
  if (answer.status === 200) {
    const ids = access
      ? await insertAccounts(access.pool, count, 'buyer')
      : Array.from({ length: count }, newId)
    return signedBuyers(ids, config.JWT_SECRET)
  }
  progress.say(
    'the target does not accept tokens signed with JWT_SECRET: registering buyers instead',
  )
  const buyers = await registerBuyers(url, registeredMax, signal)
  progress.say(`registered ${buyers.tokens().length} buyers`)
  return buyers
}

async function expectHealthy(url: string, signal: AbortSignal): Promise<void> {
  const timely = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  const answer = await fetch(`${url}/health`, { signal: timely }).catch((error: Error) => {
    throw new Error(`--target: ${url} does not answer (${String(error.cause ?? error.message)})`)
  })
  await answer.body?.cancel()
  if (answer.status !== 200) throw new Error(`--target: ${url}/health answered ${answer.status}`)
}

async function openAccess(databaseUrl: string, redisUrl: string, progress: Progress) {
  const pool = await openPool(databaseUrl, {
    max: 4,
    statementTimeoutMs: 120_000,
    onError: () => {},
  })
  const redis = openRedis(redisUrl, 'patient', (error) =>
    progress.update(`Redis: ${error.message}`),
  )
  const close = async () => {
    redis.disconnect()
    await pool.end()
  }
  try {
    const [sellerId] = await insertAccounts(pool, 1, 'seller')
    return { databaseUrl, redisUrl, pool, redis, sellerId: sellerId as string, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Runs the steps from the last to the first; one that fails does not keep the others from running. */
async function undoAll(steps: (() => Promise<unknown>)[], progress: Progress): Promise<void> {
  for (let step = steps.pop(); step; step = steps.pop()) {
    await step().catch((error: Error) => progress.say(`while ending: ${error.message}`))
  }
}
