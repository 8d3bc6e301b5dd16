/** Warnings of a card's issuer, and payments that somebody at the shop is to look at. */
import type { ChargeRecord, ReviewRecord, WarningRecord } from './records.ts'
import type { Store, Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'

/** The issuer says that the card was used by somebody else. */
export function warn(
  work: Work,
  charge: ChargeRecord,
  fraudType = 'unauthorized_use_of_card',
): WarningRecord {
  const record: WarningRecord = {
    id: newStripeId('issfr'),
    created: work.now,
    charge: charge.id,
    paymentIntent: charge.paymentIntent,
    // Who has given all money back can do no more.
    actionable: charge.amountRefunded < charge.amountCaptured,
    fraudType,
  }
  work.put({ kind: 'issfr', record })
  work.put({ kind: 'ch', record: { ...charge, warning: record.id } })
  work.emit('radar.early_fraud_warning.created', { kind: 'issfr', record })
  return record
}

/** Radar, or somebody at the shop, wants a look at the payment. The charge names the review from now on. */
export function openReview(work: Work, charge: ChargeRecord): ReviewRecord {
  const record: ReviewRecord = {
    id: newStripeId('prv'),
    created: work.now,
    charge: charge.id,
    paymentIntent: charge.paymentIntent,
    closedReason: null,
  }
  work.put({ kind: 'prv', record })
  work.put({ kind: 'ch', record: { ...charge, review: record.id } })
  work.emit('review.opened', { kind: 'prv', record })
  return record
}

/** Ends a review that is open; an ended one stays as it is. */
export function closeReview(
  work: Work,
  before: ReviewRecord,
  closedReason: NonNullable<ReviewRecord['closedReason']>,
): ReviewRecord {
  if (before.closedReason !== null) return before
  const record = { ...before, closedReason }
  work.put({ kind: 'prv', record })
  work.emit('review.closed', { kind: 'prv', record })
  return record
}

/** All money was given back: nothing is left to review, nor to do about a warning. */
export function refundOfFraud(
  store: Store,
  work: Work,
  charge: ChargeRecord,
  asFraud: boolean,
): void {
  endReview(store, work, charge, asFraud ? 'refunded_as_fraud' : 'refunded')
  endWarning(store, work, charge)
}

/** The bank has taken the money: as {@link refundOfFraud}. */
export function disputeOfFraud(store: Store, work: Work, charge: ChargeRecord): void {
  endReview(store, work, charge, 'disputed')
  endWarning(store, work, charge)
}

function endReview(
  store: Store,
  work: Work,
  { review }: ChargeRecord,
  reason: NonNullable<ReviewRecord['closedReason']>,
): void {
  const before = store.all.prv.get(review ?? '')
  if (before) closeReview(work, before, reason)
}

function endWarning(store: Store, work: Work, { warning }: ChargeRecord): void {
  const before = store.all.issfr.get(warning ?? '')
  if (!before?.actionable) return
  const record = { ...before, actionable: false }
  work.put({ kind: 'issfr', record })
  const now = { kind: 'issfr', record } as const
  work.emit('radar.early_fraud_warning.updated', now, { kind: 'issfr', record: before })
}
