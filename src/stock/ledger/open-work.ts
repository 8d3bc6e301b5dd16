import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'

const OpenWorkRow = z.object({
  partition: z.number(),
  generation: z.number(),
  /** The Redis process that its gates were built on; null: none was, or units moved without them. */
  runId: z.string().nullable(),
  /** Whether a command was written more than a second ago and is still open. */
  overdue: z.boolean(),
})
export type OpenWork = z.infer<typeof OpenWorkRow>

/** What PostgreSQL says of each of these partitions, in one statement. */
export function openWork(
  pool: DatabasePool,
  partitions: readonly number[],
): Promise<readonly OpenWork[]> {
  return pool.any(sql.type(OpenWorkRow)`
    select p.partition, p.generation, p.run_id as "runId",
        exists (select from stock_commands c
          where c.partition = p.partition and c.done_at is null
            and c.created_at < now() - interval '1 second') as overdue
      from partitions p where p.partition = any(${sql.array([...partitions], 'int2')})`)
}
