/** What PostgreSQL wrote on behalf of one connection. */
import type { QuerySqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'

const Writes = z.object({ name: z.string(), rows: z.number(), inPlace: z.number() })
type Writes = z.infer<typeof Writes>

/** Carries a statement out on the connection that is watched. */
type Run = (statement: QuerySqlToken<typeof Writes>) => Promise<readonly Writes[]>

/** What a connection has counted is published when it says so, after this statement. */
const publish = sql.type(Writes)`
  select '' as name, 0 as rows, 0 as "inPlace" from pg_stat_force_next_flush()`
const published = sql.type(Writes)`
  select relname::text as name, (n_tup_ins + n_tup_upd + n_tup_del)::float8 as rows,
      n_tup_hot_upd::float8 as "inPlace" from pg_stat_user_tables`

/**
 * Rows inserted, updated and deleted `during`, by table, and how many updates stayed on their page and touched no
 * index (`inPlace`). Nothing else may run in the database.
 */
export async function rowsWritten(
  run: Run,
  during: () => Promise<unknown>,
): Promise<{ readonly rows: Record<string, number>; readonly inPlace: Record<string, number> }> {
  const before = await counts(run)
  await during()
  const after = await counts(run)
  const grown = (of: 'rows' | 'inPlace') =>
    Object.fromEntries(
      [...after]
        .map(([name, writes]) => [name, writes[of] - (before.get(name)?.[of] ?? 0)] as const)
        .filter(([, count]) => count > 0),
    )
  return { rows: grown('rows'), inPlace: grown('inPlace') }
}

async function counts(run: Run): Promise<ReadonlyMap<string, Writes>> {
  await run(publish)
  return new Map((await run(published)).map((writes) => [writes.name, writes]))
}
