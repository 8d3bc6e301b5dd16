/** Until when the system was looked after: what is late while no worker runs is nobody's fault. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { silentSeconds } from '../actor/ports.ts'
import { sql } from '../platform/postgres/pool.ts'

const Seen = z.object({ due: z.date().nullable() })

/**
 * What should have happened before this moment had a worker, and `graceSeconds` to do it; null when no
 * worker is known to have run for so long. Works for a stopped system too: the moment then lies before
 * its end. A worker's start stands in its id (UUIDv7), or is that of its connection.
 */
export async function dueBefore(
  db: CommonQueryMethods,
  graceSeconds: number,
): Promise<Date | null> {
  const { due } = await db.one(sql.type(Seen)`
    with seen as (
      select to_timestamp(('x0000' || replace(left(id::text, 13), '-', ''))::bit(64)::bigint / 1000.0) as since,
          least(seen_at, clock_timestamp()) as until
        from workers
      union all
      select backend_start, clock_timestamp() from pg_stat_activity
       where application_name = 'sluice-direct' and datname = current_database())
    select max(until) - make_interval(secs => ${graceSeconds}) as due
      from seen where until - since > make_interval(secs => ${graceSeconds})`)
  return due
}

/** Whether a worker with actors runs now: it stamps itself twice a second. */
export function workerLives(db: CommonQueryMethods): Promise<boolean> {
  return db.exists(sql.typeAlias('none')`
    select from workers where seen_at > clock_timestamp() - make_interval(secs => ${silentSeconds})`)
}
