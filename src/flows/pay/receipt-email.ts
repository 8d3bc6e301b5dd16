import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'

const Row = z.object({ email: z.string() })

/**
 * For confirm, where the provider is to send receipts: the buyer's address, null for an account that is
 * gone. Rejects when PostgreSQL is away.
 */
export function receiptEmailOf(pool: DatabasePool) {
  return async (buyerId: string): Promise<string | null> => {
    const row = await pool.maybeOne(sql.type(Row)`
      select email from accounts where id = ${buyerId} and erased_at is null`)
    return row?.email ?? null
  }
}
