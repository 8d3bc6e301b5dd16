/**
 * The rules of concerns: what a dispute, an early fraud warning or a review means for the goods and the
 * money of its order. Pure. Events come twice, late and in any order; the newest state wins by what the
 * events say, so every order of arrival ends in the same row.
 */
import type { OrderState } from '../../../orders/order-words.ts'
import type { ConcernFacts, ConcernKind } from '../../../payments/concern-facts.ts'

/** What the shop makes of a concern. */
export interface ConcernMeaning {
  /** Somebody has to act, or to wait for a decision. */
  readonly open: boolean
  /** The bank has the money. The provider refuses to refund it, so nobody asks. */
  readonly tookMoney: boolean
  /** Goods would be sent for money that is gone, or may be. */
  readonly stopsShipping: boolean
  /** How far its life has come; a later one is newer among what was said in one second. */
  readonly stage: number
}

/** What decides which of two tellings is newer. */
export type ConcernAge = Pick<ConcernFacts, 'toldAt' | 'movements'> & { readonly stage: number }

/** By the provider's words. A dispute may be appealed and end again: from its first end on, only time tells. */
const stages: Readonly<Record<string, number>> = {
  warning_needs_response: 1,
  warning_under_review: 2,
  warning_closed: 3,
  needs_response: 4,
  under_review: 5,
}
const stageOfEnds = 6

/** A dispute that ended without taking money, or gave it back. Words that nobody knows yet are open. */
const endedWell: readonly string[] = ['won', 'warning_closed', 'prevented']

/**
 * For the flow that hears of concerns: what one telling means. `cleared`: an administrator has looked at the
 * warning and lets it pass. Never throws.
 */
export function meaningOf(
  { kind, status, moneyGone }: Pick<ConcernFacts, 'kind' | 'status' | 'moneyGone'>,
  cleared: boolean,
): ConcernMeaning {
  if (kind === 'dispute') {
    const lost = status === 'lost'
    const open = !lost && !endedWell.includes(status)
    return {
      open,
      tookMoney: lost || (open && moneyGone),
      stopsShipping: open || lost,
      stage: stages[status] ?? stageOfEnds,
    }
  }
  const acute = status === (kind === 'warning' ? 'actionable' : 'open')
  const open = acute && !cleared
  return { open, tookMoney: false, stopsShipping: open, stage: acute ? 0 : 1 }
}

/**
 * For the flow that hears of concerns: whether `told` is newer than what is `known`. Of two tellings, the
 * same one is newer whichever comes first. Never throws.
 */
export function isNewer(told: ConcernAge, known: ConcernAge): boolean {
  const later = told.toldAt.getTime() - known.toldAt.getTime()
  if (later !== 0) return later > 0
  if (told.stage !== known.stage) return told.stage > known.stage
  return told.movements > known.movements
}

/**
 * For the flow that hears of concerns: what people have to be told of an open one, as a name for the fact:
 * once when it opens, and once more when a question of the bank becomes a dispute, which takes the money
 * and has a deadline of its own. Null: nothing. Never throws.
 */
export function newsOf(
  kind: ConcernKind,
  { open, stage }: Pick<ConcernMeaning, 'open' | 'stage'>,
): 'inquiry' | ConcernKind | null {
  if (!open) return null
  return kind === 'dispute' && stage < (stages.warning_closed ?? 0) ? 'inquiry' : kind
}

/**
 * For the flow that hears that a dispute was won: whether all that the order's payment took is owed to the
 * buyer, so that what was refused meanwhile is asked for. Never throws.
 */
export function owesAll(order: OrderState | null, reclaiming: boolean): boolean {
  if (order === 'expired') return !reclaiming
  return order === 'cancelled' || order === 'payment_failed'
}
