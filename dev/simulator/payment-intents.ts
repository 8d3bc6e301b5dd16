import { moneyOf } from './amounts.ts'
import { type Attempt, attempt, type Charging, move } from './charging.ts'
import { badParameter, declined, unexpectedState } from './failure.ts'
import type { Form } from './form.ts'
import { customerOf, paymentMethodOf } from './intent-parameters.ts'
import { cancelParams, captureParams, confirmParams, createParams } from './parameters.ts'
import {
  excludedOf,
  receiptEmailOf,
  refuseExcluded,
  refuseOldParameters,
  shippingOf,
  statementSuffixOf,
} from './purchase-parameters.ts'
import type { PaymentIntentRecord } from './records.ts'
import type { Store, Work } from './store.ts'
import { newStripeId, randomText } from './stripe-ids.ts'
import { bringTrouble } from './trouble.ts'

const confirmable = ['requires_payment_method', 'requires_confirmation', 'requires_action']
const cancelable = [
  'requires_payment_method',
  'requires_capture',
  'requires_confirmation',
  'requires_action',
  'processing',
]
const captureMethods = ['automatic', 'automatic_async', 'manual'] as const
const cancellationReasons = [
  'duplicate',
  'fraudulent',
  'requested_by_customer',
  'abandoned',
] as const

export function createPaymentIntent(
  charging: Charging,
  work: Work,
  form: Form,
): PaymentIntentRecord {
  form.onlyKnows(createParams)
  refuseOldParameters(form)
  const confirm = form.flag('confirm')
  const paymentMethod = paymentMethodOf(form)
  const record: PaymentIntentRecord = {
    id: newStripeId('pi'),
    created: work.now,
    ...moneyOf(form),
    status: paymentMethod ? 'requires_confirmation' : 'requires_payment_method',
    captureMethod: form.oneOf('capture_method', captureMethods) ?? 'automatic',
    confirmationMethod: form.oneOf('confirmation_method', ['automatic', 'manual']) ?? 'automatic',
    paymentMethod,
    customer: customerOf(charging.store, form),
    secret: randomText(25),
    metadata: form.metadata(),
    description: form.text('description') ?? null,
    receiptEmail: receiptEmailOf(form),
    shipping: shippingOf(form),
    statementSuffix: statementSuffixOf(form),
    excluded: excludedOf(form),
    amountCapturable: 0,
    amountReceived: 0,
    canceledAt: null,
    cancellationReason: null,
    charges: [],
    lastError: null,
    returnUrl: form.text('return_url') ?? null,
    bankUrl: null,
    sdk: form.flag('use_stripe_sdk'),
  }
  refuseExcluded(record)
  if (!confirm && record.returnUrl) {
    throw badParameter('return_url', 'return_url can only be used together with confirm=true.')
  }
  const options = attemptOptions(form)
  if (confirm && !paymentMethod) {
    throw badParameter(
      'payment_method',
      "You cannot confirm this PaymentIntent because it's missing a payment method.",
      'parameter_missing',
    )
  }
  work.put({ kind: 'pi', record })
  work.emit('payment_intent.created', { kind: 'pi', record })
  if (!confirm || !paymentMethod) return record
  return orThrow(attempt(charging, work, { ...record, paymentMethod }, options))
}

export function confirmPaymentIntent(
  charging: Charging,
  work: Work,
  before: PaymentIntentRecord,
  form: Form,
): PaymentIntentRecord {
  form.onlyKnows(confirmParams)
  refuseOldParameters(form)
  const { status } = before
  const options = attemptOptions(form)
  const captureMethod = form.oneOf('capture_method', captureMethods) ?? before.captureMethod
  const returnUrl = form.text('return_url') ?? before.returnUrl
  const receiptEmail = receiptEmailOf(form) ?? before.receiptEmail
  const shipping = shippingOf(form) ?? before.shipping ?? null
  const amount = form.whole('amount_to_confirm') ?? before.amount
  if (status === 'succeeded') {
    throw unexpectedState(
      before,
      'You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.',
    )
  }
  if (!confirmable.includes(status)) throw wrongStatus(before, 'confirm', 'confirmed', confirmable)
  if (amount !== before.amount) {
    throw unexpectedState(before, 'amount_to_confirm is not the amount of this PaymentIntent.')
  }
  const paymentMethod = paymentMethodOf(form) ?? before.paymentMethod
  if (!paymentMethod) {
    throw unexpectedState(
      before,
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
    )
  }
  const sdk = form.has('use_stripe_sdk') ? form.flag('use_stripe_sdk') : (before.sdk ?? false)
  const told = { receiptEmail, shipping }
  const record = { ...before, ...told, captureMethod, returnUrl, paymentMethod, sdk }
  refuseExcluded(record)
  return orThrow(attempt(charging, work, record, options))
}

export function capturePaymentIntent(
  { store }: { readonly store: Store },
  work: Work,
  before: PaymentIntentRecord,
  form: Form,
): PaymentIntentRecord {
  form.onlyKnows(captureParams)
  const amount = form.whole('amount_to_capture') ?? before.amountCapturable
  const charge = store.charges.get(before.charges.at(-1) ?? '')
  if (before.status !== 'requires_capture' || !charge) {
    throw unexpectedState(
      before,
      `This PaymentIntent could not be captured because it has a status of ${before.status}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.`,
    )
  }
  if (amount < 1)
    throw badParameter('amount_to_capture', 'This value must be greater than or equal to 1.')
  if (amount > before.amountCapturable) {
    throw badParameter(
      'amount_to_capture',
      'The amount to capture is greater than the amount you can capture.',
      'amount_too_large',
    )
  }
  work.put({ kind: 'ch', record: { ...charge, captured: true, amountCaptured: amount } })
  const paid = move(work, {
    ...before,
    status: 'succeeded',
    amountCapturable: 0,
    amountReceived: amount,
  })
  bringTrouble(store, work, charge.id)
  return paid
}

export function cancelPaymentIntent(
  { store }: { readonly store: Store },
  work: Work,
  before: PaymentIntentRecord,
  form: Form,
): PaymentIntentRecord {
  form.onlyKnows(cancelParams)
  const reason = form.oneOf('cancellation_reason', cancellationReasons) ?? null
  if (!cancelable.includes(before.status))
    throw wrongStatus(before, 'cancel', 'canceled', cancelable)
  const charge = store.charges.get(before.charges.at(-1) ?? '')
  if (charge && before.status === 'requires_capture') {
    work.put({ kind: 'ch', record: { ...charge, amountRefunded: charge.amount } })
  }
  if (charge && before.status === 'processing') {
    const failure = { code: 'canceled', message: 'Canceled.', reason: 'canceled' }
    work.put({ kind: 'ch', record: { ...charge, status: 'failed', failure } })
  }
  return move(work, {
    ...before,
    status: 'canceled',
    amountCapturable: 0,
    bankUrl: null,
    canceledAt: work.now,
    cancellationReason: reason,
  })
}

function orThrow({ paymentIntent, error }: Attempt): PaymentIntentRecord {
  if (error) throw declined(paymentIntent, error)
  return paymentIntent
}

function attemptOptions(form: Form) {
  // off_session is true, false, `one_off` or `recurring`.
  const offSession = (form.text('off_session') ?? 'false') !== 'false'
  const error = form.flag('error_on_requires_action')
  const unasked = offSession ? 'off_session' : error ? 'error_on_requires_action' : null
  return { authenticated: false, unasked } as const
}

function wrongStatus(
  before: PaymentIntentRecord,
  verb: string,
  participle: string,
  allowed: readonly string[],
) {
  return unexpectedState(
    before,
    `You cannot ${verb} this PaymentIntent because it has a status of ${before.status}. Only a PaymentIntent with one of the following statuses may be ${participle}: ${allowed.join(', ')}.`,
  )
}
