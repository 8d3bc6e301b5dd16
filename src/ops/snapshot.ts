import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'

/** A check reads whole tables: a million checkouts take seconds, and it must not be for ever. */
const statementSeconds = 120

/**
 * Runs `read` in one read-only snapshot: everything it sees is of one moment, whatever is committed
 * meanwhile. Each check takes a snapshot of its own, so that none is held for long.
 */
export function snapshot<T>(
  pool: DatabasePool,
  read: (tx: DatabaseTransactionConnection) => Promise<T>,
): Promise<T> {
  return pool.transaction(async (tx) => {
    await tx.query(sql.typeAlias('none')`
      set transaction isolation level repeatable read, read only`)
    await tx.query(sql.type(z.object({ set_config: z.string() }))`
      select set_config(name, value, true)
        from (values ('statement_timeout', ${`${statementSeconds}s`}), ('work_mem', '64MB')) as s (name, value)`)
    return read(tx)
  })
}
