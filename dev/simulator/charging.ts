/** One attempt to charge a PaymentIntent, and what follows when the bank or time answers later. */

import { type Decline, declines } from './declines.ts'
import { unexpectedState } from './failure.ts'
import { openReview } from './fraud.ts'
import { limits } from './limits.ts'
import { findPaymentMethod, type TestPaymentMethod } from './payment-methods.ts'
import type { ChargeRecord, PaymentError, PaymentIntentRecord } from './records.ts'
import type { Store, Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'
import { bringTrouble } from './trouble.ts'

export interface Charging {
  readonly store: Store
  /** The page on which a buyer authenticates. */
  readonly bankUrl: (paymentIntent: PaymentIntentRecord) => string
  /** Calls the bank back for a PaymentIntent that is being processed. */
  readonly settleLater: (paymentIntentId: string) => void
}

/** How an attempt ended; `error` is set when the bank refused. */
export interface Attempt {
  readonly paymentIntent: PaymentIntentRecord
  readonly error: PaymentError | null
}

export interface AttemptOptions {
  readonly authenticated: boolean
  /** Why the buyer cannot be asked, if so: asking is a refusal then. */
  readonly unasked: 'off_session' | 'error_on_requires_action' | null
}

const authenticationRequired = {
  code: 'authentication_required',
  message:
    'Your card was declined. This transaction requires authentication. Please try again and authenticate your card when prompted during the transaction.',
}

const authenticationFailed = {
  type: 'invalid_request_error',
  code: 'payment_intent_authentication_failure',
  declineCode: null,
  message:
    'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
  charge: null,
} as const

/** Charges `before.paymentMethod`, which must be set and known. */
export function attempt(
  charging: Charging,
  work: Work,
  before: PaymentIntentRecord & { readonly paymentMethod: string },
  { authenticated, unasked }: AttemptOptions,
): Attempt {
  const method = findPaymentMethod(before.paymentMethod)
  if (!method) throw unexpectedState(before, 'The payment method is gone.')
  if (before.charges.length >= limits.chargesOfOne) return giveUp(work, before)
  if (method.risk === 'highest') {
    const blocked = { blocked: true, risk: 'highest' } as const
    return refuse(work, before, before.paymentMethod, declines.fraudulent, blocked)
  }
  const away = unasked === 'off_session' && method.authentication === 'unless_off_session'
  if (method.authentication !== 'no' && !authenticated && !away) {
    if (!unasked) return askBuyer(charging, work, before)
    const declineCode =
      unasked === 'off_session' ? 'authentication_required' : 'authentication_not_handled'
    return refuse(work, before, before.paymentMethod, { ...authenticationRequired, declineCode })
  }
  if (method.decline && method.processing === 'no') {
    return refuse(work, before, before.paymentMethod, method.decline)
  }
  return { paymentIntent: charge(charging, work, before, method), error: null }
}

/** What the buyer answered to the bank. @throws StripeFailure when nobody was asked. */
export function authenticate(
  charging: Charging,
  work: Work,
  before: PaymentIntentRecord,
  outcome: 'succeed' | 'fail',
): Attempt {
  const { paymentMethod } = before
  if (before.status !== 'requires_action' || !paymentMethod) {
    throw unexpectedState(before, `Nobody is to be authenticated: the status is ${before.status}.`)
  }
  if (outcome === 'succeed') {
    const asked = { ...before, paymentMethod, bankUrl: null }
    return attempt(charging, work, asked, { authenticated: true, unasked: 'off_session' })
  }
  return backToStart(work, before, { ...authenticationFailed, paymentMethod })
}

/** What the bank says in the end of a PaymentIntent that is being processed. @throws StripeFailure when it is not. */
export function settle(
  { store }: Pick<Charging, 'store'>,
  work: Work,
  before: PaymentIntentRecord,
  outcome: 'succeed' | 'fail',
): PaymentIntentRecord {
  const charge = store.charges.get(before.charges.at(-1) ?? '')
  if (before.status !== 'processing' || !charge) {
    throw unexpectedState(before, `Nothing is being processed: the status is ${before.status}.`)
  }
  if (outcome === 'succeed') {
    const { amount } = before
    const done = { ...charge, status: 'succeeded', captured: true, amountCaptured: amount } as const
    work.put({ kind: 'ch', record: done })
    const paid = move(work, { ...before, status: 'succeeded', amountReceived: amount })
    bringTrouble(store, work, charge.id)
    return paid
  }
  const { code, declineCode, message } =
    findPaymentMethod(charge.paymentMethod)?.decline ?? declines.debitRefused
  const failure = { code, message, reason: declineCode ?? code }
  work.put({ kind: 'ch', record: { ...charge, status: 'failed', failure } })
  return backToStart(work, before, {
    type: 'card_error',
    code: failure.code,
    declineCode: null,
    message,
    charge: charge.id,
    paymentMethod: charge.paymentMethod,
  }).paymentIntent
}

function askBuyer(charging: Charging, work: Work, before: PaymentIntentRecord): Attempt {
  const bankUrl = charging.bankUrl(before)
  const asked = move(work, { ...before, status: 'requires_action', lastError: null, bankUrl })
  return { paymentIntent: asked, error: null }
}

function charge(
  charging: Charging,
  work: Work,
  before: PaymentIntentRecord & { readonly paymentMethod: string },
  method: TestPaymentMethod,
): PaymentIntentRecord {
  const { amount } = before
  const processing = method.processing !== 'no'
  const captured = !processing && before.captureMethod !== 'manual'
  const record = newCharge(work, before, before.paymentMethod, {
    status: processing ? 'pending' : 'succeeded',
    captured,
    amountCaptured: captured ? amount : 0,
    risk: method.risk,
  })
  const review = method.risk === 'elevated' ? { review: openReview(work, record).id } : {}
  const charges = [...before.charges, record.id]
  const after = { ...before, charges, lastError: null, bankUrl: null, ...review }
  if (processing) {
    const moved = move(work, { ...after, status: 'processing' })
    if (method.processing !== 'waits') charging.settleLater(moved.id)
    return moved
  }
  if (!captured)
    return move(work, { ...after, status: 'requires_capture', amountCapturable: amount })
  const paid = move(work, { ...after, status: 'succeeded', amountReceived: amount })
  bringTrouble(charging.store, work, record.id)
  return paid
}

function refuse(
  work: Work,
  before: PaymentIntentRecord,
  paymentMethod: string,
  { code, declineCode, message }: Decline,
  more: Partial<ChargeRecord> = {},
): Attempt {
  const failed = newCharge(work, before, paymentMethod, {
    ...more,
    status: 'failed',
    failure: { code, message, reason: declineCode ?? code },
  })
  const charges = [...before.charges, failed.id]
  const error = { type: 'card_error', code, declineCode, message, charge: failed.id } as const
  return backToStart(work, { ...before, charges }, { ...error, paymentMethod })
}

/** The PaymentIntent wants another payment method. */
function backToStart(work: Work, before: PaymentIntentRecord, lastError: PaymentError): Attempt {
  const paymentIntent = move(work, {
    ...before,
    status: 'requires_payment_method',
    paymentMethod: null,
    bankUrl: null,
    lastError,
  })
  return { paymentIntent, error: lastError }
}

function giveUp(work: Work, before: PaymentIntentRecord): never {
  const canceledAt = work.now
  const cancellationReason = 'automatic' as const
  const ended = { ...before, status: 'canceled', canceledAt, cancellationReason } as const
  throw unexpectedState(move(work, ended), 'This PaymentIntent was confirmed too many times.')
}

function newCharge(
  work: Work,
  of: PaymentIntentRecord,
  paymentMethod: string,
  outcome: Pick<ChargeRecord, 'status'> & Partial<ChargeRecord>,
): ChargeRecord {
  const record: ChargeRecord = {
    id: newStripeId('ch'),
    created: work.now,
    paymentIntent: of.id,
    paymentMethod,
    amount: of.amount,
    amountCaptured: 0,
    amountRefunded: 0,
    currency: of.currency,
    captured: false,
    failure: null,
    metadata: of.metadata,
    description: of.description,
    receiptEmail: of.receiptEmail,
    shipping: of.shipping ?? null,
    statementSuffix: of.statementSuffix ?? null,
    refunds: [],
    ...outcome,
  }
  work.put({ kind: 'ch', record })
  return record
}

const eventOf = {
  requires_payment_method: 'payment_intent.payment_failed',
  requires_confirmation: undefined,
  requires_action: 'payment_intent.requires_action',
  processing: 'payment_intent.processing',
  requires_capture: 'payment_intent.amount_capturable_updated',
  succeeded: 'payment_intent.succeeded',
  canceled: 'payment_intent.canceled',
} as const

/** Puts the PaymentIntent as it is after a step, and tells the world. */
export function move(work: Work, record: PaymentIntentRecord): PaymentIntentRecord {
  work.put({ kind: 'pi', record })
  const type = eventOf[record.status]
  if (type) work.emit(type, { kind: 'pi', record })
  return record
}
