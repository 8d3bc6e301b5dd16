import { badParameter, noSuch, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { limits } from './limits.ts'
import { refundParams } from './parameters.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { ChargeRecord, RefundRecord } from './records.ts'
import type { Store, Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'

export interface Refunding {
  readonly store: Store
  /** Calls the bank back for a refund that is pending. */
  readonly settleLater: (refundId: string) => void
}

const reasons = ['duplicate', 'fraudulent', 'requested_by_customer'] as const

export function createRefund(
  { store, settleLater }: Refunding,
  work: Work,
  form: Form,
): RefundRecord {
  form.onlyKnows(refundParams)
  const reason = form.oneOf('reason', reasons) ?? null
  const metadata = form.metadata()
  const asked = form.whole('amount')
  if (asked !== undefined && asked < 1) {
    throw badParameter('amount', 'Invalid positive integer', 'parameter_invalid_integer')
  }
  const charge = chargeToRefund(store, form)
  const amount = refundable(charge, asked)
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
  work.emit('charge.refunded', { kind: 'ch', record: refunded })
  if (method && method.refund !== 'succeeds') settleLater(record.id)
  return record
}

/**
 * What becomes of a refund in the end; a failed one gives the money back to the charge.
 * @throws StripeFailure when it failed before.
 */
export function settleRefund(
  { store }: { readonly store: Store },
  work: Work,
  before: RefundRecord,
  outcome: 'succeed' | 'fail',
): RefundRecord {
  const charge = store.charges.get(before.charge)
  if (before.status === 'failed' || !charge) {
    throw badParameter('id', `Nothing is to be settled: the status is ${before.status}.`)
  }
  const failed = outcome === 'fail'
  const record: RefundRecord = {
    ...before,
    status: failed ? 'failed' : 'succeeded',
    failureReason: failed ? 'unknown' : null,
  }
  work.put({ kind: 're', record })
  if (failed) {
    const amountRefunded = charge.amountRefunded - before.amount
    work.put({ kind: 'ch', record: { ...charge, amountRefunded } })
  }
  work.emit('refund.updated', { kind: 're', record })
  if (failed) work.emit('refund.failed', { kind: 're', record })
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
function refundable(charge: ChargeRecord, asked: number | undefined): number {
  const left = charge.amountCaptured - charge.amountRefunded
  if (!charge.captured || charge.status !== 'succeeded') {
    throw refused(`Charge ${charge.id} was not paid, so there is nothing to refund.`, 'charge')
  }
  if (left <= 0) {
    throw refused(
      `Charge ${charge.id} has already been refunded.`,
      undefined,
      'charge_already_refunded',
    )
  }
  if (asked !== undefined && asked > left) {
    throw refused(
      `Refund amount (${asked}) is greater than unrefunded amount on charge (${left})`,
      'amount',
    )
  }
  if (charge.refunds.length >= limits.refundsOfOne) {
    throw refused(`Charge ${charge.id} has too many refunds.`, 'charge')
  }
  return asked ?? left
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
