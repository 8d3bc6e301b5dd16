import type { Reserve } from '../protocol/messages.ts'
import type { Draft } from './draft.ts'
import type { RejectReason } from './state.ts'

/**
 * For decide: keeps what the gate granted, unless the ledger knows better; then it is rejected in
 * the draft, with its reason. Never throws.
 */
export function reserve(draft: Draft, message: Reserve): void {
  const reason = whyNot(draft, message)
  if (reason) {
    const winner = reason === 'duplicate' ? draft.ownerOfKey(message) : undefined
    draft.reject({ reserve: message, reason, duplicateOf: winner ?? null })
    return
  }
  draft.state.free -= message.units
  draft.state.held += message.units
  draft.keep(message)
}

/** The first reason that fits, in this order. */
function whyNot(draft: Draft, message: Reserve): RejectReason | null {
  const { checkoutId, buyerId, key, units, terms } = message
  if (key !== null && draft.knows(checkoutId)) return 'cancelled'
  if (draft.hold(checkoutId)) return 'cancelled'
  if (draft.ownerOfKey(message) !== undefined) return 'duplicate'
  if (terms.pool !== null && terms.limit !== null) {
    const counted = draft.counted(terms.pool, buyerId)?.units ?? 0
    if (counted + units > terms.limit) return 'limit'
  }
  return draft.state.free < units ? 'units' : null
}
