/** Refunds, warnings of fraud, reviews and customers. */
import type Stripe from 'stripe'
import type { CustomerRecord, RefundRecord, ReviewRecord, WarningRecord } from './records.ts'

/** Writes out a refund. */
export function renderRefund(record: RefundRecord): Stripe.Refund {
  return {
    id: record.id,
    object: 'refund',
    amount: record.amount,
    balance_transaction: null,
    charge: record.charge,
    created: record.created,
    currency: record.currency,
    customer: null,
    customer_account: null,
    destination_details: { card: { type: 'refund' }, type: 'card' },
    ...(record.failureReason ? { failure_reason: record.failureReason } : {}),
    metadata: record.metadata,
    payment_intent: record.paymentIntent,
    payment_method: null,
    reason: record.reason,
    receipt_number: null,
    source_transfer_reversal: null,
    status: record.status,
    transfer_reversal: null,
  }
}

/** Writes out a warning of the card's issuer. */
export function renderWarning(record: WarningRecord): Stripe.Radar.EarlyFraudWarning {
  return {
    id: record.id,
    object: 'radar.early_fraud_warning',
    actionable: record.actionable,
    charge: record.charge,
    created: record.created,
    fraud_type: record.fraudType,
    livemode: false,
    payment_intent: record.paymentIntent,
  }
}

/** Writes out a review. */
export function renderReview(record: ReviewRecord): Stripe.Review {
  return {
    id: record.id,
    object: 'review',
    billing_zip: null,
    charge: record.charge,
    closed_reason: record.closedReason,
    created: record.created,
    ip_address: null,
    ip_address_location: null,
    livemode: false,
    open: record.closedReason === null,
    opened_reason: 'rule',
    payment_intent: record.paymentIntent,
    reason: record.closedReason ?? 'rule',
    session: null,
  }
}

/** Writes out a customer. */
export function renderCustomer(record: CustomerRecord): object {
  return {
    id: record.id,
    object: 'customer',
    address: null,
    balance: 0,
    created: record.created,
    currency: null,
    default_source: null,
    delinquent: false,
    description: record.description,
    discount: null,
    email: record.email,
    invoice_prefix: record.id.slice(-8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: record.metadata,
    name: record.name,
    next_invoice_sequence: 1,
    phone: record.phone,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  }
}
