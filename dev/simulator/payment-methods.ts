/** The test payment methods that are understood, under the names that Stripe's test mode gives them. */

export interface Decline {
  readonly code: string
  readonly declineCode: string | null
  readonly message: string
}

export interface TestPaymentMethod {
  readonly type: 'card' | 'us_bank_account'
  readonly brand: 'visa' | 'mastercard' | 'amex'
  readonly last4: string
  /** The bank wants the buyer first. */
  readonly authentication: boolean
  /** The answer to the charge, when it is no. */
  readonly decline: Decline | null
  /** Whether a charge needs time: `settles` by itself, or `waits` until it is told to. */
  readonly processing: 'no' | 'settles' | 'waits'
  /** What becomes of a refund: done at once, done later, or failed later. */
  readonly refund: 'succeeds' | 'pending' | 'fails'
}

const visa: TestPaymentMethod = {
  type: 'card',
  brand: 'visa',
  last4: '4242',
  authentication: false,
  decline: null,
  processing: 'no',
  refund: 'succeeds',
}
const card = (last4: string, more: Partial<TestPaymentMethod>) => ({ ...visa, last4, ...more })
const bank = (last4: string, more: Partial<TestPaymentMethod>) =>
  card(last4, { type: 'us_bank_account', ...more })

const declined = (declineCode: string, message = 'Your card was declined.'): Decline => ({
  code: 'card_declined',
  declineCode,
  message,
})
const noFunds = declined('insufficient_funds', 'Your card has insufficient funds.')

const methods: Readonly<Record<string, TestPaymentMethod>> = {
  pm_card_visa: visa,
  pm_card_visa_debit: card('5556', {}),
  pm_card_mastercard: card('4444', { brand: 'mastercard' }),
  pm_card_amex: card('8431', { brand: 'amex' }),
  pm_card_chargeDeclined: card('0002', { decline: declined('generic_decline') }),
  pm_card_chargeDeclinedInsufficientFunds: card('9995', { decline: noFunds }),
  pm_card_chargeDeclinedLostCard: card('9987', { decline: declined('lost_card') }),
  pm_card_chargeDeclinedStolenCard: card('9979', { decline: declined('stolen_card') }),
  pm_card_chargeDeclinedFraudulent: card('0019', { decline: declined('fraudulent') }),
  pm_card_chargeDeclinedExpiredCard: card('0069', {
    decline: { code: 'expired_card', declineCode: null, message: 'Your card has expired.' },
  }),
  pm_card_chargeDeclinedIncorrectCvc: card('0127', {
    decline: {
      code: 'incorrect_cvc',
      declineCode: null,
      message: "Your card's security code is incorrect.",
    },
  }),
  pm_card_chargeDeclinedProcessingError: card('0119', {
    decline: {
      code: 'processing_error',
      declineCode: null,
      message: 'An error occurred while processing your card. Try again in a little bit.',
    },
  }),
  pm_card_authenticationRequired: card('3184', { authentication: true }),
  pm_card_authenticationRequiredChargeDeclinedInsufficientFunds: card('8440', {
    authentication: true,
    decline: noFunds,
  }),
  pm_card_pendingRefund: card('7726', { refund: 'pending' }),
  pm_card_refundFail: card('5126', { refund: 'fails' }),
  pm_usBankAccount_success: bank('6789', { processing: 'settles' }),
  pm_usBankAccount_processing: bank('1111', { processing: 'waits' }),
}

/** The test payment method of that name, or undefined. */
export function findPaymentMethod(name: string): TestPaymentMethod | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined
}
