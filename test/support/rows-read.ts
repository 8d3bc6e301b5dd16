/** What PostgreSQL read on behalf of one connection. */
import type { QuerySqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'

const Count = z.object({ name: z.string(), count: z.number() })
type Count = z.infer<typeof Count>

/** Carries a statement out on the connection that is watched. */
type Run = (statement: QuerySqlToken<typeof Count>) => Promise<readonly Count[]>

/** What a connection has counted is published when it says so, after this statement. */
const publish = sql.type(Count)`select '' as name, 0 as count from pg_stat_force_next_flush()`
const published = sql.type(Count)`
  select relname || ', whole' as name, seq_tup_read::float8 as count from pg_stat_user_tables
  union all
  select indexrelname::text, idx_tup_read::float8 from pg_stat_user_indexes`

/**
 * The tables and indexes of which `during` read more than `most` rows or entries, with their number. Whatever ran
 * in the database and not on this connection is counted when its own time comes: nothing else should run.
 */
export async function readMoreThan(
  most: number,
  run: Run,
  during: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const before = await counts(run)
  await during()
  const after = await counts(run)
  return Object.fromEntries(
    [...after]
      .map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
      .filter(([, count]) => count > most),
  )
}

async function counts(run: Run): Promise<ReadonlyMap<string, number>> {
  await run(publish)
  return new Map((await run(published)).map(({ name, count }) => [name, count]))
}
