import { Cluster, Redis, type RedisOptions } from 'ioredis'

export type RedisClient = Redis | Cluster

/**
 * What a connection is for; each has its own answer to "what when Redis is away?".
 * - `gate`: fails at once. A request must be answered, and a command sent twice is worse than an error.
 * - `carts`: as `gate`; what is asked for in one breath is sent in one write.
 * - `patient`: queues until the next try to connect has ended; for a worker's reads and settles. What was
 *   under way fails with its connection: with more retries the client would forget it when the server is
 *   back quickly, and the worker would wait for the time limit.
 * - `subscriber`: subscribes again by itself.
 * - `jobs`: what BullMQ asks for.
 */
export type RedisPurpose = 'gate' | 'carts' | 'patient' | 'subscriber' | 'jobs'

const bounded = {
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 5_000,
  // A command's own limit keeps the connection; a server that died without a word never answers on it again.
  socketTimeout: 5_000,
} as const
const failing = { ...bounded, enableOfflineQueue: false } as const

const byPurpose: Record<RedisPurpose, Omit<RedisOptions, 'replyMapping'>> = {
  gate: failing,
  carts: { ...failing, enableAutoPipelining: true },
  patient: bounded,
  subscriber: { autoResubscribe: true, maxRetriesPerRequest: null },
  jobs: { maxRetriesPerRequest: null },
}

/**
 * Opens a connection to `url`; a comma-separated list of nodes means Redis Cluster. Connects in the
 * background: errors go to `onError`, and the client reconnects for as long as it is not closed.
 */
export function openRedis(
  url: string,
  purpose: RedisPurpose,
  onError: (error: Error) => void,
): RedisClient {
  const common = {
    ...byPurpose[purpose],
    replyMapping: 'legacy' as const,
    connectTimeout: 2_000,
    keepAlive: 10_000,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 5), 500),
  }
  const nodes = url.split(',')
  const {
    enableOfflineQueue = true,
    enableAutoPipelining = false,
    retryStrategy: _perNode,
    ...redisOptions
  } = common
  const client =
    nodes.length > 1
      ? new Cluster(nodes, {
          enableOfflineQueue,
          enableAutoPipelining,
          redisOptions,
          clusterRetryStrategy: common.retryStrategy,
        } as ConstructorParameters<typeof Cluster>[1])
      : new Redis(nodes[0] as string, common)
  client.on('error', onError)
  return client
}
