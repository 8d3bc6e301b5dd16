import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { giveBack } from './give-back.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'

/**
 * For decide: units of a paid order are free again: `units` of them, or all that are left when it is
 * null. No unit comes back twice, whatever is asked for and in which order: only what the hold still
 * has can go back. Commands of one checkout may change places: a return before its sell means what it
 * would have meant in time. Answers the outcome: `returned`, or why not. Never throws.
 */
export function returnUnits(draft: Draft, { checkoutId, units }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) return noHold
  const { state } = hold
  if (state !== 'sold' && state !== 'held') return `already ${state}`
  const back = Math.min(units ?? hold.units, hold.units)
  const left = hold.units - back
  draft.state[state] -= back
  giveBack(draft, { ...hold, units: left, state: left === 0 ? 'returned' : state }, back)
  return 'returned'
}
