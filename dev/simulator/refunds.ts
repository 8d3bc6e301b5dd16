import { badParameter, noSuch, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { refundOfFraud } from './fraud.ts'
import { limits } from './limits.ts'
import { refundCancelParams, refundParams, refundUpdateParams } from './parameters.ts'
import { findPaymentMethod } from './payment-methods.ts'
import { priceText } from './price-text.ts'
import type { ChargeRecord, Metadata, RefundRecord } from './records.ts'
import type { Store, Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'

export interface Refunding {
  readonly store: Store
  /** Calls the bank back for a refund that is pending. */
  readonly settleLater: (refundId: string) => void
}

const reasons = ['duplicate', 'fraudulent', 'requested_by_customer'] as const

/** What is asked for. */
interface Order {
  /** Default: all that is left. */
  readonly amount?: number | undefined
  readonly reason: RefundRecord['reason']
  readonly metadata: Metadata
}

/** Gives money back, as a form asks. @throws StripeFailure */
export function createRefund(refunding: Refunding, work: Work, form: Form): RefundRecord {
  form.onlyKnows(refundParams)
  const reason = form.oneOf('reason', reasons) ?? null
  const metadata = form.metadata()
  const amount = form.whole('amount')
  if (amount !== undefined && amount < 1) {
    throw badParameter('amount', 'Invalid positive integer', 'parameter_invalid_integer')
  }
  const charge = chargeToRefund(refunding.store, form)
  return refundCharge(refunding, work, charge, { amount, reason, metadata })
}

/** Gives money back of a charge, whoever wants it. @throws StripeFailure when there is not so much. */
export function refundCharge(
  { store, settleLater }: Refunding,
  work: Work,
  charge: ChargeRecord,
  { amount: asked, reason, metadata }: Order,
): RefundRecord {
  const amount = refundable(store, charge, asked)
  const method = findPaymentMethod(charge.paymentMethod)
  const record: RefundRecord = {
    id: newStripeId('re'),
    created: work.now,
    charge: charge.id,
    paymentIntent: charge.paymentIntent,
    amount,
    currency: charge.currency,
    status: method?.refund === 'pending' ? 'pending' : 'succeeded',
    reason,
    failureReason: null,
    metadata,
  }
  const refunded: ChargeRecord = {
    ...charge,
    amountRefunded: charge.amountRefunded + amount,
    refunds: [...charge.refunds, record.id],
  }
  work.put({ kind: 're', record })
  work.put({ kind: 'ch', record: refunded })
  work.emit('refund.created', { kind: 're', record })
  work.emit('charge.refunded', { kind: 'ch', record: refunded }, { kind: 'ch', record: charge })
  if (refunded.amountRefunded === refunded.amountCaptured) {
    refundOfFraud(store, work, refunded, reason === 'fraudulent')
  }
  if (method && method.refund !== 'succeeds') settleLater(record.id)
  return record
}

/** How a refund goes on. `failureReason` goes with `fail`. */
export interface RefundOutcome {
  readonly outcome: 'succeed' | 'fail' | 'require_action'
  readonly failureReason?: string | undefined
}

/**
 * What becomes of a refund; a failed one, also one that had succeeded, gives the money back to the charge.
 * @throws StripeFailure when it failed or was canceled before.
 */
export function settleRefund(
  refunding: Pick<Refunding, 'store'>,
  work: Work,
  before: RefundRecord,
  { outcome, failureReason = 'unknown' }: RefundOutcome,
): RefundRecord {
  const ended = before.status === 'failed' || before.status === 'canceled'
  if (ended || (outcome === 'require_action' && before.status !== 'pending')) {
    throw badParameter('id', `Nothing is to be settled: the status is ${before.status}.`)
  }
  if (outcome === 'fail') return undo(refunding, work, { ...before, failureReason }, 'failed')
  const status = outcome === 'succeed' ? 'succeeded' : 'requires_action'
  return change(work, before, { ...before, status })
}

/** Only a refund for which the buyer has to act is canceled. @throws StripeFailure in any other status. */
export function cancelRefund(
  refunding: Refunding,
  work: Work,
  before: RefundRecord,
  form: Form,
): RefundRecord {
  form.onlyKnows(refundCancelParams)
  if (before.status === 'requires_action') return undo(refunding, work, before, 'canceled')
  throw refused(
    `You cannot cancel this refund because it has a status of ${before.status}. Only a refund with one of the following statuses may be canceled: requires_action.`,
  )
}

/** Changes the metadata of a refund, and nothing else. */
export function updateRefund(work: Work, before: RefundRecord, form: Form): RefundRecord {
  form.onlyKnows(refundUpdateParams)
  return change(work, before, { ...before, metadata: form.metadataOver(before.metadata) })
}

/** The money of the refund is the charge's again. */
function undo(
  { store }: Pick<Refunding, 'store'>,
  work: Work,
  before: RefundRecord,
  status: 'failed' | 'canceled',
): RefundRecord {
  const charge = store.charges.get(before.charge)
  if (charge) {
    const amountRefunded = charge.amountRefunded - before.amount
    work.put({ kind: 'ch', record: { ...charge, amountRefunded } })
  }
  const known = store.refunds.get(before.id) ?? before
  const record = change(work, known, { ...before, status })
  if (status === 'failed') work.emit('refund.failed', { kind: 're', record })
  return record
}

function change(work: Work, before: RefundRecord, record: RefundRecord): RefundRecord {
  const now = { kind: 're', record } as const
  const was = { kind: 're', record: before } as const
  work.put(now)
  work.emit('charge.refund.updated', now, was)
  work.emit('refund.updated', now, was)
  return record
}

function chargeToRefund(store: Store, form: Form): ChargeRecord {
  const chargeId = form.text('charge')
  const intentId = form.text('payment_intent')
  if (chargeId !== undefined) {
    const charge = store.charges.get(chargeId)
    if (!charge) throw noSuch('charge', chargeId, 'charge')
    return charge
  }
  if (intentId === undefined) {
    throw badParameter(
      'payment_intent',
      'One of the following params should be provided for this request: payment_intent or charge.',
      'parameter_missing',
    )
  }
  const intent = store.paymentIntents.get(intentId)
  if (!intent) throw noSuch('payment_intent', intentId, 'payment_intent')
  const charge = store.charges.get(intent.charges.at(-1) ?? '')
  if (!charge?.captured || charge.status !== 'succeeded') {
    throw refused(
      `This PaymentIntent (${intentId}) does not have a successful charge to refund.`,
      'payment_intent',
    )
  }
  return charge
}

/** How much to refund: what is asked for, else all that is left. */
function refundable(store: Store, charge: ChargeRecord, asked: number | undefined): number {
  const { id, currency } = charge
  const left = charge.amountCaptured - charge.amountRefunded
  if (!charge.captured || charge.status !== 'succeeded') {
    throw refused(`Charge ${id} was not paid, so there is nothing to refund.`, 'charge')
  }
  if (chargedBack(store, charge)) {
    const message = `Charge ${id} has been charged back; cannot issue a refund.`
    throw refused(message, undefined, 'charge_disputed')
  }
  if (left <= 0) {
    const message = `Charge ${id} has already been refunded.`
    throw refused(message, undefined, 'charge_already_refunded')
  }
  if (asked !== undefined && asked > left) {
    throw refused(
      `Refund amount (${priceText(asked, currency)}) is greater than unrefunded amount on charge (${priceText(left, currency)})`,
      'amount',
    )
  }
  if (charge.refunds.length >= limits.refundsOfOne) {
    throw refused(`Charge ${id} has too many refunds.`, 'charge')
  }
  return asked ?? left
}

/** The bank has taken the money back, and not returned it. */
function chargedBack(store: Store, { disputes = [] }: ChargeRecord): boolean {
  return disputes.some((id) => {
    const dispute = store.disputes.get(id)
    return dispute && !dispute.inquiry && dispute.status !== 'won'
  })
}

function refused(message: string, param?: string, code?: string): StripeFailure {
  return new StripeFailure(
    400,
    {
      type: 'invalid_request_error',
      message,
      ...(param ? { param } : {}),
      ...(code ? { code } : {}),
    },
    { stored: true },
  )
}
