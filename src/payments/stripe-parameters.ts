/** What Stripe is told of a purchase. Pure: the same purchase is always told in the same words. */
import type { Stripe } from 'stripe'
import type { BuyerDetails, NewCharge, PaymentMethods } from './gateway.ts'

/**
 * Payment methods whose money comes days later, or when somebody has been to a bank: Stripe calls
 * them methods with delayed notification.
 */
export const delayedTypes = [
  'acss_debit',
  'au_becs_debit',
  'bacs_debit',
  'boleto',
  'customer_balance',
  'konbini',
  'multibanco',
  'nz_bank_account',
  'oxxo',
  'payto',
  'sepa_debit',
  'sofort',
  'us_bank_account',
] as const satisfies readonly Stripe.PaymentIntentCreateParams.ExcludedPaymentMethodType[]

/** The card that the answer is to name: one call tells all. */
export const expand = ['payment_method']

/**
 * For the gateway: the intent of a checkout, not confirmed. With `immediate`, Stripe refuses the
 * methods that take days.
 */
export function intentParameters(
  { checkoutId, amount, currency, orderNumber, buyerId }: Omit<NewCharge, 'key' | 'details'>,
  methods: PaymentMethods,
) {
  const suffix = orderNumber === null ? null : statementSuffixOf(orderNumber)
  return {
    amount,
    currency: currency.toLowerCase(),
    metadata: {
      checkoutId,
      buyerId,
      ...(orderNumber === null ? {} : { orderNumber: String(orderNumber) }),
    },
    ...(orderNumber === null ? {} : { description: `Order ${orderNumber}` }),
    ...(suffix === null ? {} : { statement_descriptor_suffix: suffix }),
    // What redirects needs a page to come back to; the bank's question does not.
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    ...(methods === 'any' ? {} : { excluded_payment_method_types: [...delayedTypes] }),
  } satisfies Stripe.PaymentIntentCreateParams
}

/** For the gateway: parameters of a confirmation, be it with the making of the intent or later. */
export function confirmParameters(paymentMethodId: string, details: BuyerDetails | null) {
  const { receiptEmail, shipping, acceptance } = details ?? {}
  return {
    payment_method: paymentMethodId,
    expand,
    ...(receiptEmail === undefined ? {} : { receipt_email: receiptEmail }),
    ...(shipping === undefined ? {} : { shipping: shippingOf(shipping) }),
    ...(acceptance === undefined
      ? {}
      : {
          mandate_data: {
            customer_acceptance: {
              type: 'online',
              online: { ip_address: acceptance.ip, user_agent: acceptance.userAgent },
            },
          },
        }),
  } satisfies Stripe.PaymentIntentConfirmParams
}

function shippingOf({ name, phone, address }: NonNullable<BuyerDetails['shipping']>) {
  const { line1, line2, city, state, postalCode, country } = address
  const known = { line1, line2, city, state, postal_code: postalCode, country }
  return {
    name,
    ...(phone === undefined ? {} : { phone }),
    address: Object.fromEntries(Object.entries(known).filter(([, text]) => text !== undefined)),
  }
}

/** Stripe puts the account's prefix, of up to 10 characters, and two more before it; 22 are all. */
const suffixLength = 10

/**
 * The text on the buyer's statement behind the name of the shop: one letter at least, and the
 * order's number. Null when the number is too long for that.
 */
export function statementSuffixOf(orderNumber: number): string | null {
  const texts = [`ORDER ${orderNumber}`, `NO ${orderNumber}`, `N${orderNumber}`]
  return texts.find((text) => text.length <= suffixLength) ?? null
}
