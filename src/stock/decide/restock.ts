import type { Command } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'

/** A ledger row counts in 32 bits: a commit that does not fit would be tried for ever. */
const onHandMax = 2_000_000_000

/**
 * For decide: units come in (positive), or free ones are taken out of the sale (negative);
 * 2,000,000,000 on hand at most. Answers the outcome: `restocked`, or why not. Never throws.
 */
export function restock({ state }: Draft, { units, short = false }: Command): string {
  const added = units ?? 0
  if (short || state.free + added < 0) return 'not enough free units'
  if (state.onHand + added > onHandMax) return 'too many units'
  state.onHand += added
  state.free += added
  return 'restocked'
}
