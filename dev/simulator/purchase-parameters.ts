/** What a PaymentIntent is told of the purchase beside its amount, checked as Stripe checks it. */
import { badParameter } from './failure.ts'
import type { Form } from './form.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { PaymentIntentRecord, Shipping } from './records.ts'

/** @throws StripeFailure when it is no address of a mailbox. */
export function receiptEmailOf(form: Form): string | null {
  const email = form.text('receipt_email') ?? null
  if (email === null || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email)) return email
  throw badParameter(
    'receipt_email',
    `Invalid email address: ${email.slice(0, 100)}`,
    'email_invalid',
  )
}

const descriptorLength = 22

/** @throws StripeFailure unless it has a letter, no forbidden character, and 22 characters at most. */
export function statementSuffixOf(form: Form): string | null {
  if (form.text('statement_descriptor') !== undefined) {
    throw badParameter(
      'statement_descriptor',
      'statement_descriptor is not supported for card charges; set statement_descriptor_suffix instead.',
    )
  }
  const param = 'statement_descriptor_suffix'
  const suffix = form.text(param) ?? null
  if (suffix === null) return null
  if (suffix.length > descriptorLength) {
    throw badParameter(
      param,
      `The statement descriptor suffix must be at most ${descriptorLength} characters.`,
    )
  }
  if (/[<>\\'"*]|[^\x20-\x7e]/.test(suffix)) {
    throw badParameter(
      param,
      'The statement descriptor suffix must not contain any of <>\\\'"* or non-Latin characters.',
    )
  }
  if (!/[A-Za-z]/.test(suffix)) {
    throw badParameter(param, 'The statement descriptor suffix must contain at least one letter.')
  }
  return suffix
}

const members = ['city', 'country', 'line1', 'line2', 'postal_code', 'state'] as const

/** Null without one. @throws StripeFailure when it lacks its name or its address. */
export function shippingOf(form: Form): Shipping | null {
  const address = form.group('shipping[address]')
  const there = Object.keys(address).length > 0
  const name = form.text('shipping[name]')
  const phone = form.text('shipping[phone]') ?? null
  if (!there && name === undefined && phone === null) return null
  if (name === undefined || !there) {
    const missing = name === undefined ? 'shipping[name]' : 'shipping[address]'
    throw badParameter(missing, `Missing required param: ${missing}.`, 'parameter_missing')
  }
  const entries = members.map((member) => [member, address[member] || null])
  return { name, phone, address: Object.fromEntries(entries) as Shipping['address'] }
}

/** Types of payment methods that are not taken. */
export function excludedOf(form: Form): readonly string[] {
  return Object.values(form.group('excluded_payment_method_types'))
}

/** Not kept by a key: nothing was tried. @throws StripeFailure when its payment method is not taken. */
export function refuseExcluded({
  paymentMethod,
  excluded = [],
}: Pick<PaymentIntentRecord, 'paymentMethod' | 'excluded'>): void {
  const type = findPaymentMethod(paymentMethod ?? '')?.type
  if (type === undefined || !excluded.includes(type)) return
  throw badParameter(
    'payment_method',
    `The PaymentMethod provided (${type}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the following types: card.`,
    'payment_intent_incompatible_payment_method',
  )
}

/** Ways to choose payment methods, of which a request has one. */
const exclusive = ['automatic_payment_methods', 'excluded_payment_method_types'] as const

/** @throws StripeFailure for a parameter of older versions of the API, or for two that exclude each other. */
export function refuseOldParameters(form: Form): void {
  if (Object.keys(form.group('payment_method_types')).length > 0) {
    throw badParameter(
      'payment_method_types',
      'payment_method_types is no longer supported. Use allowed_payment_method_types or excluded_payment_method_types.',
      'payment_method_types_no_longer_supported',
    )
  }
  if (Object.keys(form.group('allowed_payment_method_types')).length === 0) return
  const other = exclusive.find((name) => Object.keys(form.group(name)).length > 0)
  if (other === undefined) return
  throw badParameter(
    'allowed_payment_method_types',
    `You may only specify one of these parameters: allowed_payment_method_types, ${other}.`,
    'parameters_exclusive',
  )
}
