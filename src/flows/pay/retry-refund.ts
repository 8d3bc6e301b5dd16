/** An operator asks once more for money that could not go back. */
import type { DatabaseTransactionConnection } from 'slonik'
import { refundOf } from '../../payments/refunds.ts'
import { renewRefund } from './money/decide-refund.ts'
import { changeRefundsIn } from './money/refunds.ts'

/** A refund that was decided and waits for the refund job. */
export interface RetriedRefund {
  readonly id: string
  /** Minor units. */
  readonly amount: number
}

/**
 * For the operators' route: asks for a failed refund's money once more, as much as is left of it, under a new id and so
 * a new key: the provider repeats its answer to a key that it knows. To ask twice refunds once. Rejects with
 * PostgreSQL's errors.
 */
export async function retryRefund(
  tx: DatabaseTransactionConnection,
  id: string,
): Promise<RetriedRefund | 'unknown' | 'nothing owed'> {
  const refund = await refundOf(tx, id)
  if (!refund) return 'unknown'
  const { decided } = await changeRefundsIn(tx, refund.checkoutId, (book, freshId) => ({
    change: renewRefund(book, id, 'operator', freshId),
  }))
  const [next] = decided.change?.written ?? []
  return next ?? 'nothing owed'
}
