import { moneyOf } from './amounts.ts'
import { badParameter, unexpectedState } from './failure.ts'
import type { Form } from './form.ts'
import { customerOf, paymentMethodOf } from './intent-parameters.ts'
import { updateParams } from './parameters.ts'
import type { PaymentIntentRecord } from './records.ts'
import type { Store, Work } from './store.ts'

const repriceable = ['requires_payment_method', 'requires_confirmation', 'requires_action']

/**
 * Changes a PaymentIntent without charging. Stripe has no event for it. What the bank was asked before, it is asked
 * again after a change of the price.
 */
export function updatePaymentIntent(
  { store }: { readonly store: Store },
  work: Work,
  before: PaymentIntentRecord,
  form: Form,
): PaymentIntentRecord {
  form.onlyKnows(updateParams)
  const { status } = before
  const priced = form.has('amount') || form.has('currency')
  if (priced && !repriceable.includes(status)) throw fixed(before, 'amount')
  const { amount, currency } = moneyOf(form, before)
  const chosen = paymentMethodOf(form)
  const customer = form.has('customer') ? customerOf(store, form) : (before.customer ?? null)
  if (chosen !== null && !repriceable.includes(status)) throw fixed(before, 'payment_method')
  if (customer !== (before.customer ?? null) && before.customer) {
    throw badParameter('customer', 'The customer of a PaymentIntent cannot be changed.')
  }
  const asksAgain = status === 'requires_action' && (priced || chosen !== null)
  const ready = chosen !== null && status === 'requires_payment_method'
  const record: PaymentIntentRecord = {
    ...before,
    amount,
    currency,
    customer,
    paymentMethod: chosen ?? before.paymentMethod,
    status: asksAgain || ready ? 'requires_confirmation' : status,
    bankUrl: asksAgain ? null : before.bankUrl,
    metadata: form.metadataOver(before.metadata),
    description: form.has('description') ? (form.text('description') ?? null) : before.description,
    receiptEmail: form.has('receipt_email')
      ? (form.text('receipt_email') ?? null)
      : before.receiptEmail,
  }
  work.put({ kind: 'pi', record })
  return record
}

function fixed(before: PaymentIntentRecord, what: 'amount' | 'payment_method') {
  return unexpectedState(
    before,
    `This PaymentIntent's ${what} could not be updated because it has a status of ${before.status}. You may only update the ${what} of a PaymentIntent with one of the following statuses: ${repriceable.join(', ')}.`,
  )
}
