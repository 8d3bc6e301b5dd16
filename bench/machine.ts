import { availableParallelism, cpus, totalmem } from 'node:os'
import { z } from 'zod'
import { sql } from '../src/platform/postgres/pool.ts'
import type { Machine } from './results.ts'
import type { Stores } from './stock.ts'

/** What the figures were measured on; versions of stores that are not known are 'unknown'. */
export async function describeMachine(stores: Stores | undefined): Promise<Machine> {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMb: Math.round(totalmem() / 1_048_576),
    node: process.versions.node,
    redis: stores ? await redisVersion(stores) : 'unknown',
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
