/** A buyer gives a hold back before it is paid. */
import { AppError } from '../../kernel/errors.ts'
import type { CheckoutIds } from '../../stock/protocol/checkout-id.ts'
import { noCheckout } from '../reserve/checkouts.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import type { MoneyStore } from './money/store.ts'

/** How far a cancel goes; the default leaves alone what is being paid. */
export interface CancelOptions {
  /**
   * Also while the bank waits for the buyer: what is charged all the same comes back as late money.
   */
  readonly alsoAtBank?: boolean
}

/**
 * For DELETE /api/checkouts/:id, for cancelled orders and for accounts that end: gives the hold
 * back; any number of times. @throws AppError `not_found` for a checkout of somebody else's,
 * `invalid_transition` once money is involved.
 */
export type CancelCheckout = (id: string, buyerId: string, options?: CancelOptions) => Promise<void>

/**
 * Builds it for API and worker. One transaction ends the checkout and writes the commands that
 * release its units; they are posted after the commit, and a post that fails loses nothing. Rejects
 * as {@link CancelCheckout} says, and with PostgreSQL's errors.
 */
export function createCancelCheckout(deps: {
  readonly store: Pick<MoneyStore, 'giveUp'>
  readonly ids: CheckoutIds
  readonly strategy: Pick<ReservationStrategy, 'post'>
}): CancelCheckout {
  const { store, ids, strategy } = deps
  return async (id, buyerId, { alsoAtBank = false } = {}) => {
    const bury = ids.read(id, buyerId) !== null
    const given = await store.giveUp({ checkoutId: id, buyerId, alsoAtBank, bury })
    if (given.tag === 'unknown') throw noCheckout()
    if (given.tag === 'too late') {
      const message = `A checkout that is ${given.status} cannot be given up.`
      throw new AppError('invalid_transition', message)
    }
    await strategy.post(given.commands)
  }
}
