/** What a bank disputes, and why. */
export const disputeReasons = [
  'credit_not_processed',
  'duplicate',
  'fraudulent',
  'general',
  'product_not_received',
  'product_unacceptable',
  'subscription_canceled',
  'unrecognized',
] as const

export interface Complaint {
  readonly reason: (typeof disputeReasons)[number]
  /** Only a question: no money moves until it is escalated. */
  readonly inquiry: boolean
  /** In minor units; default: all that was captured. */
  readonly amount?: number | undefined
}
