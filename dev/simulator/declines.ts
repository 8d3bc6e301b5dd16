/** The ways in which banks say no. */
export interface Decline {
  readonly code: string
  readonly declineCode: string | null
  readonly message: string
}

const declined = (declineCode: string, message = 'Your card was declined.'): Decline => ({
  code: 'card_declined',
  declineCode,
  message,
})
const failed = (code: string, message: string): Decline => ({ code, declineCode: null, message })

export const declines = {
  generic: declined('generic_decline'),
  noFunds: declined('insufficient_funds', 'Your card has insufficient funds.'),
  lost: declined('lost_card'),
  stolen: declined('stolen_card'),
  velocity: declined(
    'card_velocity_exceeded',
    'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
  ),
  fraudulent: declined('fraudulent'),
  expired: failed('expired_card', 'Your card has expired.'),
  incorrectCvc: failed('incorrect_cvc', "Your card's security code is incorrect."),
  processingError: failed(
    'processing_error',
    'An error occurred while processing your card. Try again in a little bit.',
  ),
  accountClosed: failed('account_closed', "The customer's bank account has been closed."),
  noAccount: failed('no_account', "The customer's bank account could not be located."),
  debitNotAuthorized: failed(
    'debit_not_authorized',
    'The customer has notified their bank that this payment was unauthorized.',
  ),
  debitWithoutFunds: failed(
    'insufficient_funds',
    "The customer's account has insufficient funds to cover this payment.",
  ),
  debitRefused: {
    code: 'payment_method_provider_decline',
    declineCode: 'generic_decline',
    message: "The customer's bank could not complete the payment.",
  },
} as const satisfies Record<string, Decline>
