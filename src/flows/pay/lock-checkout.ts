import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'

const StatusRow = z.object({ status: z.string() })

/** The status of a checkout, whose row is what every race about it is decided by; null when there is none. */
export function lockCheckout(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<string | null> {
  return tx.maybeOneFirst(sql.type(StatusRow)`
    select status from checkouts where id = ${checkoutId} for update`)
}
