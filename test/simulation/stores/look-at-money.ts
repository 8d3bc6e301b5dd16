/** Looks at the money in memory that change nothing, as the SQL of src/flows/pay/money looks. */
import type { KnownPayment } from '../../../src/flows/pay/money/store.ts'
import type { PaymentRow } from './money-tables.ts'

/** A payment, as everybody sees it. */
export function knownOf({
  reclaimingSinceMs,
  flagged: _,
  replaced: __,
  ...row
}: PaymentRow): KnownPayment {
  return { ...row, reclaiming: reclaimingSinceMs !== null }
}
