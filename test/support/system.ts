/** A whole shop for a test: API and worker in this process, on stores of the test's own. */
import type { TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { RedisHandle } from '../../dev/embedded-redis.ts'
import { type ConnectedConfig, loadConfig, requireStores } from '../../src/config/config.ts'
import { writeCommands } from '../../src/flows/reserve/end-checkout.ts'
import type { Role } from '../../src/identity/permissions.ts'
import { createTokens } from '../../src/identity/tokens.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { openPool, sql } from '../../src/platform/postgres/pool.ts'
import { openRedis, type RedisClient } from '../../src/platform/redis/client.ts'
import { postStockCommand } from '../../src/stock/gate/post-commands.ts'
import { RedisGates } from '../../src/stock/gate/redis-gates.ts'
import { openLedger } from '../../src/stock/ledger/open-ledger.ts'
import { partitionKeys, skuKeys } from '../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { startApi } from '../../src/system/api.ts'
import { startWorker } from '../../src/system/worker.ts'
import { eventually } from './eventually.ts'
import { countCheckouts } from './purchases/count.ts'
import { rowCounts } from './purchases/traces.ts'
import { canBeShared, sharedBy } from './shared.ts'
import { createTestDatabase, createTestFolder, createTestRedis } from './stores.ts'

export interface SystemOptions {
  /** Environment settings on top of the test's defaults. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: a new database of the shared server. */
  readonly databaseUrl?: string
  /** Default: a new server. */
  readonly redisServer?: RedisHandle
  /** How many of each to start; default 1. */
  readonly apis?: number
  readonly workers?: number
  /** For a test that stops a part, empties a store or changes rows of others: nobody else sees this system. */
  readonly own?: boolean
}

export interface Part {
  stop(): Promise<void>
}

export interface SkuOptions {
  /** Default: a name of its own. */
  readonly sku?: string
  /** Units on hand; default 10. */
  readonly units?: number
  /** Minor units; default 1,000. */
  readonly price?: number
  readonly currency?: string
  /** From `addSeller`; default: one for all. */
  readonly seller?: string
  /** Units per customer. With this, or a bound, the SKU is sold in a sale. */
  readonly limit?: number
  readonly startsAt?: Date
  readonly endsAt?: Date
}

/** What an answer's JSON may hold: members of a checkout, or of a problem. */
export interface AnswerBody {
  readonly id: string
  readonly code: string
  readonly status: string | number
  readonly detail: string
  readonly orderId: string | null
  readonly expiresAt: string | null
  readonly total: number | null
  readonly currency: string | null
  readonly items: readonly { readonly sku: string; readonly quantity: number }[]
  readonly errors: readonly { readonly path: string; readonly message: string }[]
  readonly [member: string]: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Parsed JSON; empty without a body. */
  readonly body: AnswerBody
}

const hourMs = 3_600_000

export type TestSystem = Awaited<ReturnType<typeof startOwnSystem>>

type Closing = Pick<TestContext, 'after'>

const systems = new Map<string, Promise<TestSystem>>()

/**
 * A shop with rate limits off and silent logs. Tests that ask for nothing special share one, see `shared.ts`; it must
 * not be stopped, nor its stores emptied. Any other is stopped at the test's end.
 */
export function startTestSystem(t: Closing, options: SystemOptions = {}): Promise<TestSystem> {
  if (!canBeShared(options)) return startOwnSystem(t, options)
  return sharedBy(systems, options, (closing, more) => startOwnSystem(closing, more))
}

async function startOwnSystem(t: Closing, options: SystemOptions) {
  const [databaseUrl, redisServer] = await Promise.all([
    options.databaseUrl ?? createTestDatabase(t),
    options.redisServer ?? createTestRedis(t),
  ])
  const config = requireStores(
    loadConfig({
      NODE_ENV: 'test',
      PORT: '0',
      LOG_LEVEL: 'silent',
      RATE_LIMIT_PER_MINUTE: '0',
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisServer.url,
      DATA_DIR: createTestFolder(t),
      ...options.settings,
    }),
  )
  const pool = await openPool(databaseUrl, { max: 8, statementTimeoutMs: 5_000, onError: () => {} })
  const redis = openRedis(redisServer.url, 'gate', () => {})
  const running: Part[] = []
  const start = async <P extends Part>(part: Promise<P>): Promise<P> => {
    running.push(await part)
    return part
  }
  t.after(async () => {
    await Promise.all(running.map((part) => part.stop()))
    redis.disconnect()
    await pool.end()
  })
  await eventually(() => redis.ping())
  const apis = await Promise.all(
    Array.from({ length: options.apis ?? 1 }, () => start(startApi(config))),
  )
  const workers = await Promise.all(
    Array.from({ length: options.workers ?? 1 }, () => start(startWorker(config))),
  )
  return {
    config,
    /** Of the first API. */
    url: apis[0]?.url ?? '',
    urls: apis.map(({ url }) => url),
    pool,
    redis,
    redisServer,
    startWorker: () => start(startWorker(config)),
    /** Stops the workers that the system was started with: nothing is committed any more. */
    stopWorkers: async () => {
      for (const part of workers.splice(0)) {
        running.splice(running.indexOf(part), 1)
        await part.stop()
      }
    },
    ...client(config, apis[0]?.url ?? ''),
    ...shop(pool, redis, () => config.STOCK_STRATEGY === 'actor' && workers.length > 0),
    ...judge(pool, redis),
  }
}

async function partitionOpen(redis: RedisClient, sku: string): Promise<void> {
  const { partition } = partitionKeys(partitionOf(sku))
  await eventually(async () => (await redis.hget(partition, 'open')) === '1', { timeoutMs: 30_000 })
}

export interface CallOptions {
  readonly buyer?: string
  readonly role?: Role
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly raw?: string
  /** Default: the first API. */
  readonly url?: string
}

function client(config: ConnectedConfig, firstUrl: string) {
  const tokens = createTokens(config.JWT_SECRET)
  const bearer = (buyer: string = newId(), role: Role = 'buyer') =>
    `Bearer ${tokens.issueAccessToken({ id: buyer, role })}`
  const call = async (method: string, path: string, options: CallOptions = {}): Promise<Answer> => {
    const { buyer, role, body, raw, headers, url = firstUrl } = options
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(buyer === undefined ? {} : { authorization: bearer(buyer, role) }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      signal: AbortSignal.timeout(45_000),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : JSON.parse(text),
    }
  }
  return {
    /** The Authorization header's value for an account that exists nowhere but in its token. */
    bearer,
    call,
    /** POST /api/checkouts; `wait` in seconds. A key of its own unless one is given. */
    place: (
      buyer: string,
      items: unknown,
      {
        key = newId(),
        wait,
        ...rest
      }: { key?: string; wait?: number } & Pick<CallOptions, 'url' | 'role' | 'headers'> = {},
    ) =>
      call('POST', '/api/checkouts', {
        buyer,
        body: { items },
        ...rest,
        headers: {
          'idempotency-key': key,
          ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
          ...rest.headers,
        },
      }),
  }
}

function shop(pool: DatabasePool, redis: RedisClient, isOwned: () => boolean) {
  let seller: Promise<string> | undefined
  const makeSeller = async () => {
    const id = newId()
    await pool.query(sql.typeAlias('none')`
      insert into accounts (id, email, name, role, password_hash)
      values (${id}, ${`${id}@example.com`}, 'Seller', 'seller', '-')`)
    return id
  }
  const untilOwned = async (sku: string): Promise<void> => {
    if (isOwned()) await partitionOpen(redis, sku)
  }
  return {
    /** Waits for the owner of a SKU's partition, where workers run that will own it. */
    untilOwned,
    /** A seller's account; resolves to its id. */
    addSeller: makeSeller,
    /**
     * Puts a SKU on sale and returns its name. Its gate is built when somebody asks. Waits for the owner of its
     * partition: a worker that has just begun may need longer to own it than a buyer waits for a gate.
     */
    async addSku(options: SkuOptions = {}): Promise<string> {
      const { units = 10, price = 1_000, currency = 'EUR', limit, startsAt, endsAt } = options
      const sku = options.sku ?? `SKU-${newId().slice(-12)}`
      const productId = newId()
      seller ??= makeSeller()
      const sellerId = options.seller ?? (await seller)
      const inSale = limit !== undefined || startsAt !== undefined || endsAt !== undefined
      await pool.transaction(async (tx) => {
        await tx.query(sql.typeAlias('none')`
          insert into products (id, seller_id, slug, title, category)
          values (${productId}, ${sellerId}, ${`p-${productId}`}, ${`Product ${sku}`}, 'test')`)
        await tx.query(sql.typeAlias('none')`
          insert into variants (sku, product_id, price, currency)
          values (${sku}, ${productId}, ${price}, ${currency})`)
        await openLedger(tx, [{ sku, units }])
        if (!inSale) return
        const from = startsAt ?? new Date(systemClock.now() - hourMs)
        const to = endsAt ?? new Date(systemClock.now() + hourMs)
        await tx.query(sql.typeAlias('none')`
          insert into sales (id, sku, state, starts_at, ends_at, units, price, per_customer_limit)
          values (${newId()}, ${sku}, 'open', ${sql.timestamp(from)}, ${sql.timestamp(to)},
            ${Math.max(units, 1)}, ${price}, ${limit ?? null})`)
      })
      await untilOwned(sku)
      return sku
    },
    /** Adds units to a SKU (or takes them away) the way the shop does: a command, posted to the mailbox. */
    async restock(sku: string, units: number): Promise<void> {
      const command = { id: newId(), sku, kind: 'restock', checkoutId: null, units } as const
      await pool.transaction((tx) => writeCommands(tx, [command], 'test'))
      await postStockCommand(new RedisGates(redis, systemClock.now), command)
    },
  }
}

const LedgerRow = z.object({
  on_hand: z.number(),
  free: z.number(),
  set_aside: z.number(),
  held: z.number(),
  sold: z.number(),
  granted: z.number(),
  generation: z.number(),
  cursor: z.number(),
})

function judge(pool: DatabasePool, redis: RedisClient) {
  const ledgerOf = (sku: string) =>
    pool.one(sql.type(LedgerRow)`
      select on_hand, free, set_aside, held, sold, granted, generation, cursor from ledger where sku = ${sku}`)
  const gateOf = (sku: string): Promise<Record<string, string>> =>
    redis.hgetall(skuKeys(partitionOf(sku), sku).gate)
  return {
    ledgerOf,
    gateOf,
    /** Everything that a refused request must leave as it was. */
    async traces(sku: string) {
      const [ledger, gate, mailbox, buyers, tables] = await Promise.all([
        ledgerOf(sku),
        gateOf(sku),
        redis.xlen(skuKeys(partitionOf(sku), sku).mailbox),
        redis.hgetall(skuKeys(partitionOf(sku), sku).buyers),
        rowCounts(pool),
      ])
      return { ledger, gate, mailbox, buyers, tables }
    },
    checkoutsOf: (buyerId: string) => countCheckouts(pool, { buyerId }),
    /**
     * Waits until all that was admitted is committed and settled, and the SKU has `free` units both in
     * the ledger and at the gate.
     */
    async settledAt(sku: string, free: number): Promise<void> {
      await eventually(async () => {
        const [ledger, gate, mailbox] = await Promise.all([
          ledgerOf(sku),
          gateOf(sku),
          redis.xlen(skuKeys(partitionOf(sku), sku).mailbox),
        ])
        const seen = {
          free: ledger.free,
          units: Number(gate.units),
          ahead: Number(gate.granted) - ledger.granted,
          mailbox,
        }
        const wanted = { free, units: free, ahead: 0, mailbox: 0 }
        if (JSON.stringify(seen) !== JSON.stringify(wanted)) {
          throw new Error(`${sku}: ${JSON.stringify(seen)} instead of ${JSON.stringify(wanted)}`)
        }
      })
    },
  }
}
