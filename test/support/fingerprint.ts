/** Everything that both stores hold, in a few words: equal before and after means that nothing changed. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { RedisClient } from '../../src/platform/redis/client.ts'

const NameRow = z.object({ name: z.string() })
const SumRow = z.object({ sum: z.string().nullable() })

/** Keys that reading may write, and those that run out by themselves: turns of jobs, and BullMQ's marks. */
const passing = /^(product:|\{rate\}|\{budget\}|\{sluice\}:turn:)|:stalled-check$/

/** A text for each table, and one for Redis. Take it while no worker runs. */
export async function fingerprint(
  pool: DatabasePool,
  redis: RedisClient,
): Promise<Record<string, string>> {
  const names = await pool.anyFirst(sql.type(NameRow)`
    select tablename as name from pg_tables where schemaname = 'public' order by 1`)
  const sums = await Promise.all(
    names.map((name) =>
      pool.oneFirst(sql.type(SumRow)`
        select count(*) || ' ' || coalesce(sum(hashtext(t::text)), 0) as sum
        from ${sql.identifier([name])} t`),
    ),
  )
  const keys = (await redis.keys('*')).filter((key) => !passing.test(key)).sort()
  return {
    ...Object.fromEntries(names.map((name, index) => [name, sums[index] ?? ''])),
    redis: keys.join(' '),
  }
}
