import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { giveBack } from './give-back.ts'
import { namesNoCheckout } from './outcomes.ts'

/**
 * For decide: ends a hold whose checkout is over. A release that comes before its reserve leaves a
 * tombstone, and the tombstone turns the reserve down. Answers the outcome: `released`, `voided`,
 * or why not. Never throws.
 */
export function release(draft: Draft, { checkoutId }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) {
    draft.move({ checkoutId, buyerId: '', units: 0, pool: null, state: 'void' })
    return 'voided'
  }
  if (hold.state !== 'held') return `already ${hold.state}`
  draft.state.held -= hold.units
  return giveBack(draft, { ...hold, state: 'released' }, hold.units)
}
