/** The parameters that several steps of a PaymentIntent read alike. */
import { noSuch } from './failure.ts'
import type { Form } from './form.ts'
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
