import { lockOrder } from '../../orders/order-repository.ts'
import type { MoneyDeps } from './money-deps.ts'
import { failCheckout, inTransaction } from './settle.ts'

/**
 * For POST /api/orders: gives up a hold whose payment has failed, although its buyer might try
 * again; its units go back at once. False when there is no such hold: it has ended, or an attempt
 * is in flight. Rejects when PostgreSQL is away.
 */
export function failHold(
  deps: Pick<MoneyDeps, 'pool' | 'strategy'>,
  checkoutId: string,
  why: { readonly reason: string; readonly declineCode: string | null },
): Promise<boolean> {
  return inTransaction(deps, async (tx) => {
    if ((await lockOrder(tx, checkoutId))?.state !== 'reserved') return [false, []]
    return [true, await failCheckout(tx, checkoutId, why.reason, why.declineCode)]
  })
}
