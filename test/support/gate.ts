/** A gate on a Redis of the test's own, driven through the scripts alone: no actor, no PostgreSQL. */
import type { TestContext } from 'node:test'
import { Cluster } from 'ioredis'
import { newId } from '../../src/kernel/ids.ts'
import { openRedis, type RedisClient } from '../../src/platform/redis/client.ts'
import {
  admit,
  closePartition,
  installGate,
  openPartition,
  postCommand,
  setTerms,
  settle,
  wantGate,
} from '../../src/stock/gate/scripts.ts'
import type { AdmitReply, PostReply, SettleReply } from '../../src/stock/ports.ts'
import {
  loadingKeys,
  loadingRequestsKey,
  partitionKeys,
  requestsKey,
  skuKeys,
} from '../../src/stock/protocol/keys.ts'
import { encodeReserve } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { requestField, requestRecord } from '../../src/stock/protocol/request-record.ts'
import { eventually } from './eventually.ts'
import { createTestRedis } from './stores.ts'

export interface GateOptions {
  readonly sku?: string
  readonly units?: number
  readonly granted?: number
  readonly generation?: number
  readonly cursor?: number
  readonly version?: number
  readonly limit?: number
  readonly startsMs?: number
  readonly endsMs?: number
  readonly payable?: number
}

export interface Request {
  readonly buyer: string
  readonly units: number
  /** Default: one of its own; null for a part of a larger checkout. */
  readonly key?: string | null
  readonly id?: string
}

export const holderBits = 1_024

/** A client of a new Redis; in cluster mode when asked for. */
export async function openTestRedis(t: TestContext, cluster = false) {
  const server = await createTestRedis(t, { cluster })
  const redis = openRedis(server.url, 'gate', () => {})
  t.after(() => redis.disconnect())
  await eventually(() => redis.ping())
  return { server, redis }
}

/** The channel on which the scripts wake the owner here. */
const wake = 'test:wake'

/** Listens to the owner's wake-ups from now on; what it returns tells those of everything that was done by then. */
export async function hearWakeUps(
  t: TestContext,
  redis: RedisClient,
): Promise<() => Promise<string[]>> {
  // The two have no signature in common.
  const subscriber = redis instanceof Cluster ? redis.duplicate() : redis.duplicate()
  t.after(() => subscriber.disconnect())
  const heard: string[] = []
  subscriber.on('message', (_channel: string, message: string) => heard.push(message))
  await eventually(() => subscriber.subscribe(wake))
  return async () => {
    const last = newId()
    await redis.publish(wake, last)
    await eventually(() => heard.at(-1) === last)
    return heard.splice(0).slice(0, -1)
  }
}

export type TestGate = Awaited<ReturnType<typeof buildGate>>

/** Installs a gate and opens its partition. */
export async function buildGate(redis: RedisClient, options: GateOptions = {}) {
  const sku = options.sku ?? `SKU-${newId().slice(-12)}`
  const partition = partitionOf(sku)
  const nowMs = 86_400_000 * 365
  const first = options.generation ?? 1
  const keys = {
    ...partitionKeys(partition),
    ...skuKeys(partition, sku),
    today: requestsKey(partition, nowMs, 0),
    yesterday: requestsKey(partition, nowMs, 1),
    ...loadingKeys(partition, sku, first),
    loadedRequests: loadingRequestsKey(partition, first),
  }
  const terms = JSON.stringify({ price: 100 })
  const install = (change: GateOptions = {}) => {
    const all = { units: 10, granted: 0, generation: first, cursor: 0, version: 1, ...options }
    const now = { ...all, ...change }
    return installGate(redis, keys, {
      sku,
      generation: now.generation,
      cursor: now.cursor,
      units: now.units,
      granted: now.granted,
      version: now.version,
      pool: '',
      limit: now.limit ?? '',
      startsMs: now.startsMs ?? '',
      endsMs: now.endsMs ?? '',
      payable: now.payable ?? '',
      holderBits,
      terms,
    })
  }
  const { runId } = await closePartition(redis, keys, { closing: '' })
  await install()
  await openPartition(redis, keys, { generation: first, runId })
  return {
    sku,
    partition,
    keys,
    runId,
    install,
    open: (generation: number, onRunId = runId) =>
      openPartition(redis, keys, { generation, runId: onRunId }),
    look: () => closePartition(redis, keys, { closing: '' }),
    close: (closing = first) => closePartition(redis, keys, { closing }),
    admit: (
      requests: readonly Request[],
      { generation = first, waitingMax = 1_000_000 } = {},
    ): Promise<AdmitReply> =>
      admit(
        redis,
        keys,
        { sku, wake, generation, waitingMax },
        requests.flatMap(({ buyer, units, key = newId(), id = newId() }) => [
          key === null ? '' : requestField(buyer, key),
          buyer,
          units,
          requestRecord(id, `${sku}*${units}`),
          encodeReserve(id, buyer, units, key, `${sku}*${units}`),
        ]),
      ),
    settle: (
      to: { cursor: number; free: number; granted: number; generation?: number },
      deltas: readonly (string | number)[] = [],
    ): Promise<SettleReply> =>
      settle(redis, keys, { sku, freed: 'test:freed', generation: first, ...to }, deltas),
    /** Moves the window of the sale; without bounds it is open for ever. */
    setWindow: ({ startsMs, endsMs }: Pick<GateOptions, 'startsMs' | 'endsMs'>) =>
      setTerms(redis, keys, {
        pool: '',
        limit: options.limit ?? '',
        startsMs: startsMs ?? '',
        endsMs: endsMs ?? '',
        payable: options.payable ?? '',
        terms,
      }),
    post: (command: string, take = 0): Promise<PostReply> =>
      postCommand(redis, keys, { sku, wake, take, command }),
    want: () => wantGate(redis, keys, { sku, wake }),
    everything: () => everythingAt(redis, keys),
  }
}

type Places = ReturnType<typeof partitionKeys> &
  ReturnType<typeof skuKeys> & { readonly today: string }

/** Everything the scripts could have written. */
async function everythingAt(redis: RedisClient, keys: Places) {
  const [partitionState, gate, mailboxType, ready, wanted, buyers, holders, today] =
    await Promise.all([
      redis.hgetall(keys.partition),
      redis.hgetall(keys.gate),
      redis.type(keys.mailbox),
      redis.smembers(keys.ready),
      redis.smembers(keys.wanted),
      redis.hgetall(keys.buyers),
      redis.getBuffer(keys.holders).then((bits) => bits?.toString('hex') ?? ''),
      redis.hgetall(keys.today),
    ])
  const mailbox = mailboxType === 'stream' ? await redis.xrange(keys.mailbox, '-', '+') : []
  return {
    partitionState,
    gate,
    mailboxType,
    mailbox,
    ready,
    wanted,
    buyers,
    holders,
    today,
  }
}
