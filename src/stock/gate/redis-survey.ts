/**
 * The gate state of all partitions of a worker, seen at once: on one Redis one round trip of as few
 * commands as there are questions, not as there are partitions.
 */
import { Cluster, type Redis } from 'ioredis'
import { AssertionError } from '../../kernel/assert.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { partitionKeys } from '../protocol/keys.ts'
import type { GatesSeen } from '../survey.ts'
import { closePartition } from './scripts.ts'

/**
 * On one Redis, a look compares the states of so many partitions with PostgreSQL's, in turn: of 64,
 * each has its turn every 16 s. Every look checks of all of them that they exist, and on which
 * process of Redis they were built.
 */
const comparedPerLook = 4

/**
 * Sees the gate state of many partitions at once; what a worker's lookout asks. Rejects when Redis
 * is away. @throws AssertionError when Redis does not tell its run id.
 */
export function redisSurvey(
  redis: RedisClient,
): (partitions: readonly number[]) => Promise<GatesSeen> {
  let turn = 0
  return (partitions) => {
    if (redis instanceof Cluster) return seeEach(redis, partitions)
    turn += comparedPerLook
    const compared = Array.from(
      { length: Math.min(comparedPerLook, partitions.length) },
      (_, i) => partitions[(turn + i) % partitions.length] as number,
    )
    return seeTogether(redis, partitions, compared)
  }
}

async function seeTogether(
  redis: Redis,
  partitions: readonly number[],
  compared: readonly number[],
): Promise<GatesSeen> {
  const keys = partitions.map(partitionKeys)
  const pipeline = redis
    .pipeline()
    .info('server')
    .exists(...keys.map(({ partition }) => partition))
    .sunion(...keys.flatMap(({ ready, wanted }) => [ready, wanted]))
  for (const partition of compared) {
    pipeline.hmget(partitionKeys(partition).partition, 'generation', 'run_id', 'open')
  }
  const replies = (await pipeline.exec()) ?? []
  const failed = replies.find(([error]) => error)
  if (failed?.[0]) throw failed[0]
  const [info, existing, skus, ...states] = replies.map(([, reply]) => reply)
  const runId = /run_id:(\w+)/.exec(String(info))?.[1]
  if (runId === undefined) throw new AssertionError('Redis does not tell its run id')
  const stateOf = new Map(compared.map((partition, i) => [partition, states[i] as string[]]))
  return {
    skus: skus as string[],
    agrees: ({ partition, generation, runId: builtOn }) => {
      if (builtOn !== runId || existing !== partitions.length) return false
      const state = stateOf.get(partition)
      return !state || state.join(' ') === `${generation} ${runId} 1`
    },
  }
}

/** Keys of two partitions are on two nodes, as a rule: each is asked for its own. */
async function seeEach(redis: Cluster, partitions: readonly number[]): Promise<GatesSeen> {
  const skus: string[] = []
  const states = new Map<number, string>()
  await Promise.all(
    partitions.map(async (partition) => {
      const keys = partitionKeys(partition)
      const [waiting, state] = await Promise.all([
        redis.sunion(keys.ready, keys.wanted),
        closePartition(redis, keys, { closing: '' }),
      ])
      skus.push(...waiting)
      if (state.open && state.sameServer) {
        states.set(partition, `${state.generation} ${state.runId}`)
      }
    }),
  )
  return {
    skus,
    agrees: ({ partition, generation, runId }) =>
      states.get(partition) === `${generation} ${runId}`,
  }
}
