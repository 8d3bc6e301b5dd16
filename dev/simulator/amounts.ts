/** Which currencies can be charged, and how much of each: what Stripe refuses before it asks a bank. */
import { currencies, currencyOf, formatMoney } from '../../src/kernel/currency.ts'
import { badParameter } from './failure.ts'
import type { Form } from './form.ts'

/** What a charge is over, in minor units of a code in small letters, as Stripe writes it. */
export interface Money {
  readonly amount: number
  readonly currency: string
}

/**
 * Reads `amount` and `currency` of a PaymentIntent to be, or of a change to the one `before`. For an account that settles in the same
 * currency: nothing is converted. @throws StripeFailure, in Stripe's words, for what it refuses.
 */
export function moneyOf(form: Form, before?: Money): Money {
  if (!before) form.required('amount')
  const amount = form.whole('amount') ?? before?.amount ?? 0
  if (amount < 1) {
    throw badParameter(
      'amount',
      'This value must be greater than or equal to 1.',
      'parameter_invalid_integer',
    )
  }
  const stays = before && !form.has('currency')
  const currency = stays ? before.currency : form.required('currency').toLowerCase()
  const known = currencyOf(currency.toUpperCase())
  if (!known) {
    const all = currencies.map(({ code }) => code.toLowerCase()).join(', ')
    throw badParameter(
      'currency',
      `Invalid currency: ${currency.slice(0, 20)}. Stripe currently supports these currencies: ${all}`,
    )
  }
  const { code, least, most, step } = known
  if (amount < least) {
    const money = `${formatMoney(least, code)} ${currency}`
    throw badParameter('amount', `Amount must be at least ${money}`, 'amount_too_small')
  }
  if (amount > most) {
    const money = formatMoney(most, code)
    throw badParameter('amount', `Amount must be no more than ${money}`, 'amount_too_large')
  }
  if (amount % step !== 0) {
    throw badParameter(
      'amount',
      `Invalid amount: ${currency} amounts must be evenly divisible by ${step}.`,
      'parameter_invalid_integer',
    )
  }
  return { amount, currency }
}
