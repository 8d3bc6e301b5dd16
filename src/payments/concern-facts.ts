/** What the provider says of a dispute, an early fraud warning or a review, in the words of the shop. */
import { z } from 'zod'
import type { ConcernEvent } from './event-types.ts'

/**
 * A concern is what somebody else has about a payment. `dispute`: the bank asks for the money, or whether
 * it should. `warning`: the card's issuer believes that it was misused. `review`: the provider wants
 * somebody at the shop to look at the payment.
 */
export const concernKinds = ['dispute', 'warning', 'review'] as const
export type ConcernKind = (typeof concernKinds)[number]

/** One concern as one event tells it. */
export interface ConcernFacts {
  /** The provider's id. */
  readonly id: string
  readonly kind: ConcernKind
  /** The payment that it is about; null when the provider names none. */
  readonly intentId: string | null
  /** Minor units and an ISO 4217 code in capitals; null for all that was captured. */
  readonly money: { readonly amount: number; readonly currency: string } | null
  readonly reason: string
  /** In the provider's words; a warning is `actionable` or `not_actionable`, a review `open` or `closed`. */
  readonly status: string
  /** How often its money has moved: the bank took it, the bank gave it back. */
  readonly movements: number
  /** Whether the shop is without the money, after these movements. */
  readonly moneyGone: boolean
  readonly openedAt: Date
  /** Until when evidence is taken. */
  readonly dueAt: Date | null
  /** When the provider said it. */
  readonly toldAt: Date
}

const seconds = z.int().min(0).max(99_999_999_999)
const word = z.string().min(1).max(200)
/** An id, or the whole object where the provider expands it. */
const reference = z
  .union([word, z.object({ id: word }).transform(({ id }) => id)])
  .nullish()
  .transform((id) => id ?? null)

const Dispute = z.object({
  id: word,
  payment_intent: reference,
  amount: z.int().nonnegative(),
  currency: z.string().regex(/^[a-z]{3}$/),
  reason: word,
  status: word,
  created: seconds,
  balance_transactions: z.array(z.object({ amount: z.int() })).default([]),
  evidence_details: z.object({ due_by: seconds.nullable() }).nullish(),
})
const Warning = z.object({
  id: word,
  payment_intent: reference,
  actionable: z.boolean(),
  fraud_type: word,
  created: seconds,
})
const Review = z.object({
  id: word,
  payment_intent: reference,
  open: z.boolean(),
  reason: word,
  closed_reason: word.nullish(),
  created: seconds,
})
const Told = z.object({ created: seconds })

/**
 * For the handler of events: what the event says of its concern; null when it carries no such object. Never
 * throws.
 */
export function concernFactsOf(event: ConcernEvent): ConcernFacts | null {
  const told = Told.safeParse(event)
  if (!told.success) return null
  const about = aboutOf(event)
  return about && { ...about, toldAt: timeOf(told.data.created) }
}

function aboutOf(event: ConcernEvent): Omit<ConcernFacts, 'toldAt'> | null {
  const object: unknown = event.data?.object
  if (event.type.startsWith('charge.dispute.')) return disputeOf(object, event.type)
  return event.type.startsWith('review.') ? reviewOf(object) : warningOf(object)
}

function disputeOf(object: unknown, type: ConcernEvent['type']) {
  const parsed = Dispute.safeParse(object)
  if (!parsed.success) return null
  const { id, payment_intent, amount, currency, reason, status, created, ...more } = parsed.data
  const { balance_transactions: moved, evidence_details: evidence } = more
  // The event's name says it, too: its object may have been written out a moment before.
  const withdrawn = type === 'charge.dispute.funds_withdrawn'
  const reinstated = type === 'charge.dispute.funds_reinstated'
  // Amounts are in the currency of the account's balance: only their sign is of use here.
  const sum = moved.reduce((total, each) => total + each.amount, 0)
  return {
    id,
    kind: 'dispute',
    intentId: payment_intent,
    money: { amount, currency: currency.toUpperCase() },
    reason,
    status,
    movements: Math.max(moved.length, reinstated ? 2 : withdrawn ? 1 : 0),
    moneyGone: !reinstated && (withdrawn || sum < 0),
    openedAt: timeOf(created),
    dueAt: evidence?.due_by ? timeOf(evidence.due_by) : null,
  } as const
}

function warningOf(object: unknown) {
  const parsed = Warning.safeParse(object)
  if (!parsed.success) return null
  const { id, payment_intent, actionable, fraud_type, created } = parsed.data
  return {
    ...aboutAll(id, payment_intent, created),
    kind: 'warning',
    reason: fraud_type,
    status: actionable ? 'actionable' : 'not_actionable',
  } as const
}

function reviewOf(object: unknown) {
  const parsed = Review.safeParse(object)
  if (!parsed.success) return null
  const { id, payment_intent, open, reason, closed_reason, created } = parsed.data
  return {
    ...aboutAll(id, payment_intent, created),
    kind: 'review',
    reason: closed_reason ?? reason,
    status: open ? 'open' : 'closed',
  } as const
}

/** What is the same for whatever is about a whole payment and moves no money. */
function aboutAll(id: string, intentId: string | null, created: number) {
  return {
    id,
    intentId,
    money: null,
    movements: 0,
    moneyGone: false,
    openedAt: timeOf(created),
    dueAt: null,
  }
}

function timeOf(sinceEpoch: number): Date {
  return new Date(sinceEpoch * 1_000)
}
