import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { giveBack } from './give-back.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'

/**
 * A sold order is cancelled: its units are free again. Commands of one checkout are posted apart and may change
 * places: a return that comes before its sell means what it would have meant in time.
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
