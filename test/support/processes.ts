/**
 * A whole shop as real processes, for tests that kill them: API and worker processes of `src/main.ts` on
 * stores of the test's own, and SKUs on sale in partitions that both workers own a part of.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { PostgresHandle } from '../../dev/embedded-postgres.ts'
import type { RedisHandle } from '../../dev/embedded-redis.ts'
import { freePort } from '../../dev/free-port.ts'
import { signalQuietly } from '../../dev/processes.ts'
import { entryOf } from '../../dev/runtime-file.ts'
import { ServerProcess } from '../../dev/server-process.ts'
import { createTokens } from '../../src/identity/tokens.ts'
import { newId } from '../../src/kernel/ids.ts'
import { migrate } from '../../src/platform/postgres/migrate.ts'
import { partitionCount, partitionOf } from '../../src/stock/protocol/partition.ts'
import { forOurPrograms } from './child.ts'
import { eventually } from './eventually.ts'
import {
  createTestDatabase,
  createTestFolder,
  createTestPostgres,
  createTestRedis,
} from './stores.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const secret = 'a-secret-of-the-recovery-tests-alone'

/** One process that can be ended in any way and started again as it was. */
export class Part {
  readonly name: string
  readonly #role: 'api' | 'worker'
  readonly #env: Readonly<Record<string, string>>
  readonly #logFile: string
  #process: ServerProcess | undefined

  constructor(
    name: string,
    role: 'api' | 'worker',
    env: Readonly<Record<string, string>>,
    logFile: string,
  ) {
    this.name = name
    this.#role = role
    this.#env = env
    this.#logFile = logFile
  }

  /** Where an API listens: the same address after every start. */
  get url(): string {
    return `http://127.0.0.1:${this.#env.PORT}`
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  launch(): void {
    assert.ok(!this.running, `${this.name} runs already`)
    this.#process = new ServerProcess({
      program: process.execPath,
      args: [entryOf[this.#role], this.#role],
      cwd: root,
      env: { ...forOurPrograms(), ...this.#env },
      logFile: this.#logFile,
    })
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL')
    assert.ok(!this.running, `${this.name} outlives SIGKILL`)
  }

  /** Stops it where it stands: it neither runs nor closes a connection. */
  async pause(): Promise<void> {
    await this.#process?.kill('SIGSTOP')
  }

  async resume(): Promise<void> {
    await this.#process?.kill('SIGCONT')
  }

  /** For the end of the test file, where nothing may be awaited. */
  killNow(): void {
    if (this.running && this.#process) signalQuietly(this.#process.pid, 'SIGKILL')
  }

  /** Throws with its last words when it has ended although nobody killed it. */
  check(): void {
    assert.ok(this.running, `${this.name} ended by itself:\n${this.#process?.lastWords(20)}`)
  }
}

export interface WorkerPart extends Part {
  /** Its row in `workers`, of the latest start. */
  workerId: string
}

export interface ShopOptions {
  /** Default 1. */
  readonly apis?: number
  /** Default 1. */
  readonly workers?: number
  /** Units of each SKU; default 260, 260. At most 2 go to one buyer. */
  readonly stock?: readonly number[]
  /** A PostgreSQL of the shop's own, durable, that may be killed; default: a database of the shared one. */
  readonly ownPostgres?: boolean
  readonly settings?: Readonly<Record<string, string>>
}

export interface Shop {
  readonly redis: RedisHandle
  /** Only with `ownPostgres`. */
  readonly postgres: PostgresHandle | undefined
  readonly databaseUrl: string
  readonly apis: readonly Part[]
  readonly workers: readonly WorkerPart[]
  readonly skus: readonly { readonly sku: string; readonly units: number }[]
  /** Aborts when the test ends. */
  readonly ended: AbortSignal
  /** Rows of a query on a connection of the test's own. */
  rows<T extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<T[]>
  /** The Authorization header of a buyer. */
  bearer(buyerId: string): string
  /** Starts a worker (again) and waits until it has signed in. */
  startWorker(worker: WorkerPart): Promise<void>
  /** Starts an API (again) and waits until it is healthy. */
  startApi(api: Part): Promise<void>
  /** The worker that owns the partition of `sku`. */
  ownerOf(sku: string): Promise<WorkerPart>
  /** Waits until every partition has an owner and the running workers own equal shares. */
  ownedEvenly(): Promise<void>
}

/** Starts stores, workers and APIs, and waits until all of it works. All of it ends with the test. */
export async function startShop(t: TestContext, options: ShopOptions = {}): Promise<Shop> {
  const { stock = [260, 260] } = options
  const [redis, postgres] = await Promise.all([
    createTestRedis(t),
    options.ownPostgres ? createTestPostgres(t) : undefined,
  ])
  const databaseUrl = postgres?.url ?? (await createTestDatabase(t))
  if (postgres) await migrate(databaseUrl, () => {})
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 3,
    connectionTimeoutMillis: 2_000,
  })
  pool.on('error', () => {})
  const rows: Shop['rows'] = async <T extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ) => (await pool.query<T>(text, [...values])).rows
  const skus = stock.map((units, i) => ({ sku: `DROP-${i + 1}`, units }))
  for (const { sku, units } of skus) await addSku(rows, sku, units)

  const { apis, workers } = await makeParts(createTestFolder(t), options, {
    NODE_ENV: 'test',
    LOG_LEVEL: 'warn',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    JWT_SECRET: secret,
    RATE_LIMIT_PER_MINUTE: '0',
    ...options.settings,
  })
  const ended = endWithTest(t, [...apis, ...workers], () => pool.end())
  const tokens = createTokens(secret)
  const shop: Shop = {
    redis,
    postgres,
    databaseUrl,
    apis,
    workers,
    skus,
    ended,
    rows,
    bearer: (id) => `Bearer ${tokens.issueAccessToken({ id, role: 'buyer' })}`,
    startApi,
    startWorker: (worker) => startWorker(rows, worker),
    ownerOf: (sku) => ownerOf(rows, workers, sku),
    ownedEvenly: () => ownedEvenly(rows, workers),
  }
  await Promise.all(apis.map(startApi))
  // One after the other, so that each new row in `workers` is known to be the one just started.
  for (const worker of workers) await shop.startWorker(worker)
  await shop.ownedEvenly()
  return shop
}

async function makeParts(
  folder: string,
  options: ShopOptions,
  env: Readonly<Record<string, string>>,
): Promise<{ apis: Part[]; workers: WorkerPart[] }> {
  const apis: Part[] = []
  for (let i = 1; i <= (options.apis ?? 1); i++) {
    const own = { ...env, HOST: '127.0.0.1', PORT: String(await freePort()) }
    apis.push(new Part(`api-${i}`, 'api', own, join(folder, `api-${i}.log`)))
  }
  const workers = Array.from({ length: options.workers ?? 1 }, (_, i): WorkerPart => {
    const name = `worker-${i + 1}`
    const part = new Part(name, 'worker', env, join(folder, `${name}.log`))
    return Object.assign(part, { workerId: '' })
  })
  return { apis, workers }
}

/** Also when the file ends in the middle of a test, no process stays behind. */
function endWithTest(
  t: TestContext,
  parts: readonly Part[],
  close: () => Promise<void>,
): AbortSignal {
  const ending = new AbortController()
  const killAll = () => {
    for (const part of parts) part.killNow()
  }
  process.once('exit', killAll)
  t.after(async () => {
    ending.abort()
    process.off('exit', killAll)
    await Promise.all(parts.map((part) => part.kill()))
    await close()
  })
  return ending.signal
}

async function startApi(api: Part): Promise<void> {
  api.launch()
  await eventually(
    async () => {
      if (!api.running) return
      const answer = await fetch(`${api.url}/health`, { signal: AbortSignal.timeout(2_000) })
      await answer.body?.cancel()
      assert.equal(answer.status, 200, `${api.name} is not healthy`)
    },
    { timeoutMs: 20_000, everyMs: 50 },
  )
  api.check()
}

async function startWorker(rows: Shop['rows'], worker: WorkerPart): Promise<void> {
  const signedIn = () => rows<{ id: string }>('select id from workers')
  const known = new Set((await signedIn()).map(({ id }) => id))
  worker.launch()
  worker.workerId = await eventually(
    async () => {
      if (!worker.running) return ''
      const fresh = (await signedIn()).find(({ id }) => !known.has(id))
      assert.ok(fresh, `${worker.name} has not signed in`)
      return fresh.id
    },
    { timeoutMs: 20_000 },
  )
  worker.check()
}

async function ownerOf(
  rows: Shop['rows'],
  workers: readonly WorkerPart[],
  sku: string,
): Promise<WorkerPart> {
  const [row] = await rows<{ worker_id: string | null }>(
    'select worker_id from partitions where partition = $1',
    [partitionOf(sku)],
  )
  const owner = workers.find(({ workerId }) => workerId === row?.worker_id)
  assert.ok(owner, `nobody owns the partition of ${sku}`)
  return owner
}

async function ownedEvenly(rows: Shop['rows'], workers: readonly WorkerPart[]): Promise<void> {
  const running = workers.filter((worker) => worker.running)
  const share = Math.ceil(partitionCount / running.length)
  await eventually(
    async () => {
      const owners = await rows<{ worker_id: string | null }>('select worker_id from partitions')
      const counts = running.map(
        ({ workerId }) => owners.filter(({ worker_id }) => worker_id === workerId).length,
      )
      const owned = counts.reduce((sum, count) => sum + count, 0)
      assert.ok(
        owned === partitionCount && counts.every((count) => count <= share),
        `${running.map(({ name }, i) => `${name} owns ${counts[i]}`).join(', ')} partitions`,
      )
    },
    { timeoutMs: 20_000, everyMs: 50 },
  )
}

async function addSku(rows: Shop['rows'], sku: string, units: number): Promise<void> {
  const sellerId = newId()
  const productId = newId()
  await rows(
    `insert into accounts (id, email, name, role, password_hash) values ($1, $2, 'Seller', 'seller', '-')`,
    [sellerId, `${sku.toLowerCase()}@example.com`],
  )
  await rows(
    `insert into products (id, seller_id, slug, title, category) values ($1, $2, $3, $3, 'drops')`,
    [productId, sellerId, sku],
  )
  await rows(
    `insert into variants (sku, product_id, price, currency) values ($1, $2, 4900, 'EUR')`,
    [sku, productId],
  )
  await rows(
    `insert into sales (id, sku, state, starts_at, ends_at, units, price, per_customer_limit)
     values ($1, $2, 'open', now() - interval '1 minute', now() + interval '1 day', $3, 3900, 2)`,
    [newId(), sku, units],
  )
  await rows('insert into ledger (sku, partition, on_hand, free) values ($1, $2, $3, $3)', [
    sku,
    partitionOf(sku),
    units,
  ])
}
