/** Looks at the money in memory that change nothing, as the SQL of src/flows/pay/money looks. */
import {
  graceSeconds,
  processingSeconds,
  sparedSeconds,
} from '../../../src/flows/pay/money/expire-due.ts'
import type { KnownPayment, PaymentView } from '../../../src/flows/pay/money/store.ts'
import { checkoutWord } from '../../../src/orders/order-words.ts'
import type { AttemptRow, MoneyTables, PaymentRow } from './money-tables.ts'

/** For a buyer who waits; null when the checkout is not theirs. */
export function viewOf(
  tables: MoneyTables,
  checkoutId: string,
  buyerId: string,
): PaymentView | null {
  const order = tables.orders.get(checkoutId)
  if (order?.buyerId !== buyerId) return null
  const rows = tables.attemptsOf(checkoutId)
  const last = rows.find(({ state }) => state === 'succeeded') ?? rows.at(-1)
  const waits = last?.state === 'waiting'
  return {
    status: checkoutWord(order.state, order.outcome),
    state: last?.state ?? null,
    declineCode: last?.declineCode ?? null,
    clientSecret: last?.clientSecret ?? null,
    paymentMethodId: last?.paymentMethodId ?? null,
    card: last?.card ?? null,
    processing: last?.state === 'pending' && last.processing,
    declines: rows.filter(({ state }) => ['declined', 'replaced'].includes(state)).length,
    position: waits ? queueOf(tables).indexOf(last) : null,
    leaseOver: last !== undefined && last.leasedUntilMs <= tables.now(),
  }
}

/** Whether a hold is spared whose deadline has passed. */
export function isSpared(tables: MoneyTables, checkoutId: string): boolean {
  return tables.attemptsOf(checkoutId).some((row) => {
    const { state, leasedUntilMs, createdAtMs } = row
    if (state === 'pending' && row.processing) {
      return createdAtMs > tables.now() - processingSeconds * 1_000
    }
    const driven = state === 'pending' && leasedUntilMs > tables.now() - graceSeconds * 1_000
    return (state === 'waiting' || driven) && createdAtMs > tables.now() - sparedSeconds * 1_000
  })
}

/** What waits, in its order. */
export function queueOf(tables: MoneyTables): AttemptRow[] {
  return [...tables.openAttempts()]
    .filter(({ state }) => state === 'waiting')
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.checkoutId < b.checkoutId ? -1 : 1))
}

/** A payment, as everybody sees it. */
export function knownOf({
  reclaimingSinceMs,
  flagged: _,
  replaced: __,
  ...row
}: PaymentRow): KnownPayment {
  return { ...row, reclaiming: reclaimingSinceMs !== null }
}
