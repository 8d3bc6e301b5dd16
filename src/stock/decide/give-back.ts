import type { Draft } from './draft.ts'
import type { Hold } from './state.ts'

/**
 * For a release or a return: makes a hold's units free again, and the buyer may have them anew. The
 * caller has taken them from where they were, and gives the hold as it is from now on. Answers its
 * state, which is the command's outcome. Never throws.
 */
export function giveBack(draft: Draft, hold: Hold): string {
  draft.state.free += hold.units
  draft.count(hold.pool, hold.buyerId, -hold.units, 0)
  draft.takeBack(hold.pool, hold.buyerId, hold.units)
  draft.move(hold)
  return hold.state
}
