import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { giveBack } from './give-back.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'

/**
 * For decide: a sold order is cancelled, and its units are free again. Commands of one checkout may
 * change places: a return before its sell means what it would have meant in time. Answers the
 * outcome: `returned`, or why not. Never throws.
 */
export function returnUnits(draft: Draft, { checkoutId }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) return noHold
  if (hold.state === 'sold') draft.state.sold -= hold.units
  else if (hold.state === 'held') draft.state.held -= hold.units
  else return `already ${hold.state}`
  return giveBack(draft, { ...hold, state: 'returned' })
}
