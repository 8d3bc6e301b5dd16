import type { Draft } from './draft.ts'
import type { Hold } from './state.ts'

/**
 * For a release or a return: makes units of a hold free again, and the buyer may have them anew. The
 * caller has taken the `units` from where they were, and gives the hold as it is from now on. Answers
 * its state, which is the command's outcome. Never throws.
 */
export function giveBack(draft: Draft, hold: Hold, units: number): string {
  draft.state.free += units
  draft.count(hold.pool, hold.buyerId, -units, 0)
  draft.takeBack(hold.pool, hold.buyerId, units)
  draft.move(hold)
  return hold.state
}
