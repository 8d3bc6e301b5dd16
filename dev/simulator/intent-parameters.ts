/** The parameters that several steps of a PaymentIntent read alike. */
import { badParameter, noSuch } from './failure.ts'
import type { Form } from './form.ts'
import { limits } from './limits.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { Store } from './store.ts'

/** The payment method that is named, or null. @throws StripeFailure 400 when there is none of that name. */
export function paymentMethodOf(form: Form): string | null {
  const name = form.text('payment_method')
  if (name === undefined) return null
  if (!findPaymentMethod(name)) throw noSuch('PaymentMethod', name, 'payment_method', 400)
  return name
}

/** The customer that is named, or null. @throws StripeFailure 400 when there is none of that id. */
export function customerOf(store: Store, form: Form): string | null {
  const id = form.text('customer')
  if (id === undefined) return null
  if (!store.all.cus.get(id)) throw noSuch('customer', id, 'customer', 400)
  return id
}

/** In minor units. @throws StripeFailure 400 when it is missing, below 1 or too large. */
export function amountOf(form: Form): number {
  form.required('amount')
  const amount = form.whole('amount') ?? 0
  if (amount < 1) {
    throw badParameter(
      'amount',
      'This value must be greater than or equal to 1.',
      'parameter_invalid_integer',
    )
  }
  if (amount > limits.amountMax) {
    throw badParameter('amount', 'Amount must be no more than 99999999.', 'amount_too_large')
  }
  return amount
}

/** Three small letters. @throws StripeFailure 400 */
export function currencyOf(form: Form): string {
  const currency = form.required('currency').toLowerCase()
  if (!/^[a-z]{3}$/.test(currency)) {
    throw badParameter('currency', `Invalid currency: ${currency.slice(0, 20)}.`)
  }
  return currency
}
