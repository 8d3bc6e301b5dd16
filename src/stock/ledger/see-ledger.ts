import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'
import type { LedgerSeen } from '../survey.ts'

const LedgerSeenRow = z.object({
  partition: z.number(),
  generation: z.number(),
  runId: z.string().nullable(),
  overdue: z.boolean(),
})

/**
 * What PostgreSQL says of each of these partitions, in one statement; what a worker's lookout asks.
 * `overdue`: a command has been open for more than a second. Rejects with the pool's errors.
 */
export function seeLedger(
  pool: DatabasePool,
  partitions: readonly number[],
): Promise<readonly LedgerSeen[]> {
  return pool.any(sql.type(LedgerSeenRow)`
    select p.partition, p.generation, p.run_id as "runId",
        exists (select from stock_commands c
          where c.partition = p.partition and c.done_at is null
            and c.created_at < now() - interval '1 second') as overdue
      from partitions p where p.partition = any(${sql.array([...partitions], 'int2')})`)
}
