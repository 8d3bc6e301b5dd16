import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import { namesNoCheckout, noHold } from './outcomes.ts'
import { sellHeld } from './sell.ts'
import type { Hold } from './state.ts'

/**
 * Late money, for decide: sells free units to a hold that has ended, if there are any and the limit
 * allows it. One that comes before the release of its hold sells what is still held. Answers the
 * outcome: `sold`, or why not. Never throws.
 */
export function reclaim(draft: Draft, { checkoutId, short = false }: Command): string {
  if (checkoutId === null) return namesNoCheckout
  const hold = draft.hold(checkoutId)
  if (!hold) return noHold
  if (hold.state === 'held') return sellHeld(draft, hold)
  return hold.state === 'released' ? sellAnew(draft, hold, short) : `already ${hold.state}`
}

function sellAnew(draft: Draft, hold: Hold, short: boolean): string {
  const { pool, buyerId, units } = hold
  if (short || draft.state.free < units) return 'not enough free units'
  const counted = pool === null ? undefined : draft.counted(pool, buyerId)
  if (counted && counted.units + units > counted.limit) return 'over the limit'
  draft.state.free -= units
  draft.state.sold += units
  draft.count(pool, buyerId, units, counted?.limit ?? 0)
  draft.takeBack(pool, buyerId, -units)
  draft.move({ ...hold, state: 'sold' })
  return 'sold'
}
