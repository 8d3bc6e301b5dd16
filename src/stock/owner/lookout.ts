/**
 * Looks at all partitions of a worker at once: one statement, and on one Redis one round trip of as few commands as
 * there are questions, not as there are partitions. Wake-ups are what is quick; this is for those that were lost.
 */
import { Cluster, type Redis } from 'ioredis'
import type { Lookout, Noticed } from '../../actor/actor.ts'
import { AssertionError } from '../../kernel/assert.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { closePartition } from '../gate/scripts.ts'
import type { OpenWork } from '../ledger/open-work.ts'
import { partitionKeys } from '../protocol/keys.ts'
import { partitionOf } from '../protocol/partition.ts'

/** Where a lookout looks. */
export interface LookoutDeps {
  readonly redis: RedisClient
  /** What PostgreSQL says of partitions. */
  readonly openWork: (partitions: readonly number[]) => Promise<readonly OpenWork[]>
}

/**
 * On one Redis, a look compares the states of so many partitions with PostgreSQL's, in turn: of 64, each has its turn
 * every 16 s. Every look checks of all of them that they exist, and on which process of Redis they were built.
 */
const comparedPerLook = 4

/** What Redis says. */
interface Seen {
  /** SKUs that wait for their owner. */
  readonly skus: readonly string[]
  /** Whether the state of this partition is what PostgreSQL says, as far as this look can tell. */
  readonly agrees: (work: OpenWork) => boolean
}

/** The lookout of one worker over the stores that its actors work on. */
export function stockLookout({ redis, openWork }: LookoutDeps): Lookout {
  let turn = 0
  const seen = (partitions: readonly number[]): Promise<Seen> => {
    if (redis instanceof Cluster) return seeEach(redis, partitions)
    turn += comparedPerLook
    const compared = Array.from(
      { length: Math.min(comparedPerLook, partitions.length) },
      (_, i) => partitions[(turn + i) % partitions.length] as number,
    )
    return seeTogether(redis, partitions, compared)
  }
  return {
    async look(partitions): Promise<Noticed> {
      const [{ skus, agrees }, rows] = await Promise.all([seen(partitions), openWork(partitions)])
      return {
        waiting: [...new Set(skus.map(partitionOf))],
        amiss: rows.filter((row) => row.overdue || !agrees(row)).map(({ partition }) => partition),
      }
    },
  }
}

async function seeTogether(
  redis: Redis,
  partitions: readonly number[],
  compared: readonly number[],
): Promise<Seen> {
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
async function seeEach(redis: Cluster, partitions: readonly number[]): Promise<Seen> {
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
