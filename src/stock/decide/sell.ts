import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'
import type { Hold } from './state.ts'

/**
 * For decide: the checkout was paid, and its units are sold. Answers the outcome: `sold`, or why
 * not. Never throws.
 */
export function sell(draft: Draft, { checkoutId }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) return noHold
  return hold.state === 'held' ? sellHeld(draft, hold) : `already ${hold.state}`
}

/**
 * For sell and reclaim: sells the units of a hold that is held. Answers the outcome, `sold`. Never
 * throws.
 */
export function sellHeld(draft: Draft, hold: Hold): string {
  draft.state.held -= hold.units
  draft.state.sold += hold.units
  draft.move({ ...hold, state: 'sold' })
  return 'sold'
}
