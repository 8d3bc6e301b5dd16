import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'
import type { Hold } from './state.ts'

/** The checkout was paid: its units are sold. */
export function sell(draft: Draft, { checkoutId }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) return noHold
  return hold.state === 'held' ? sellHeld(draft, hold) : `already ${hold.state}`
}

/** Sells the units of a hold that is held. */
export function sellHeld(draft: Draft, hold: Hold): string {
  draft.state.held -= hold.units
  draft.state.sold += hold.units
  draft.move({ ...hold, state: 'sold' })
  return 'sold'
}
