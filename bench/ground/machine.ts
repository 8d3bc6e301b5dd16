import { availableParallelism, cpus, totalmem } from 'node:os'
import { z } from 'zod'
import { systemClock } from '../../src/kernel/clock.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { Machine } from './results.ts'
import type { Stores } from './stock.ts'

/** What the figures were measured on; versions of stores that are not known are 'unknown'. */
export async function describeMachine(
  stores: Stores | undefined,
  busyBefore: number,
): Promise<Machine> {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMb: Math.round(totalmem() / 1_048_576),
    node: process.versions.node,
    redis: stores ? await redisVersion(stores) : 'unknown',
    busyBefore,
    postgres: stores ? await postgresVersion(stores) : 'unknown',
  }
}

async function redisVersion({ redis }: Stores): Promise<string> {
  return /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown'
}

async function postgresVersion({ pool }: Stores): Promise<string> {
  const row = await pool.one(
    sql.type(z.object({ version: z.string() }))`
      select current_setting('server_version') as version`,
  )
  return row.version
}

/** Share of all CPUs that is in use over one second, 0 to 1: before a run, what others take from it. */
export async function cpuShareInUse(signal: AbortSignal): Promise<number> {
  const before = cpuTimes()
  await systemClock.sleep(1_000, signal)
  const after = cpuTimes()
  const total = after.total - before.total
  return total > 0 ? Number((1 - (after.idle - before.idle) / total).toFixed(2)) : 0
}

function cpuTimes(): { readonly idle: number; readonly total: number } {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.user + times.nice + times.sys + times.irq + times.idle
  }
  return { idle, total }
}
