import type Stripe from 'stripe'
import { findPaymentMethod, type TestPaymentMethod } from './payment-methods.ts'
import type { ChargeRecord } from './records.ts'

export function renderCharge(record: ChargeRecord): Stripe.Charge {
  const { failure } = record
  return {
    id: record.id,
    object: 'charge',
    amount: record.amount,
    amount_captured: record.amountCaptured,
    amount_refunded: record.amountRefunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: record.statementSuffix
      ? `SLUICE* ${record.statementSuffix}`
      : 'SLUICE',
    captured: record.captured,
    created: record.created,
    currency: record.currency,
    customer: null,
    description: record.description,
    disputed: (record.disputes ?? []).length > 0,
    failure_balance_transaction: null,
    failure_code: failure?.code ?? null,
    failure_message: failure?.message ?? null,
    fraud_details: record.blocked ? { stripe_report: 'fraudulent' } : {},
    livemode: false,
    metadata: record.metadata,
    on_behalf_of: null,
    outcome: renderOutcome(record),
    paid: record.status === 'succeeded',
    payment_intent: record.paymentIntent,
    payment_method: record.paymentMethod,
    payment_method_details: renderDetails(record),
    receipt_email: record.receiptEmail,
    receipt_number: null,
    receipt_url: null,
    // Giving money back that was only set aside counts as a refund, as it does at Stripe.
    refunded:
      record.amountRefunded > 0 &&
      record.amountRefunded === (record.captured ? record.amountCaptured : record.amount),
    review: record.review ?? null,
    shipping: record.shipping ?? null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: record.statementSuffix ?? null,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  }
}

function renderOutcome(record: ChargeRecord): Stripe.Charge.Outcome {
  const { failure, blocked, risk = 'normal' } = record
  const kind = blocked ? 'blocked' : failure ? 'declined' : 'paid'
  return {
    advice_code: kind === 'declined' ? 'try_again_later' : null,
    network_advice_code: null,
    network_decline_code: null,
    ...outcomes[kind],
    reason: failure?.reason ?? (risk === 'elevated' ? 'elevated_risk_level' : null),
    risk_level: risk,
    risk_score: { normal: 1, elevated: 65, highest: 92 }[risk],
  }
}

const outcomes = {
  paid: {
    network_status: 'approved_by_network',
    seller_message: 'Payment complete.',
    type: 'authorized',
  },
  declined: {
    network_status: 'declined_by_network',
    seller_message: 'The bank did not return any further details with this decline.',
    type: 'issuer_declined',
  },
  blocked: {
    network_status: 'not_sent_to_network',
    seller_message: 'Stripe blocked this payment as too risky.',
    type: 'blocked',
  },
} as const

function renderDetails(record: ChargeRecord): Stripe.Charge.PaymentMethodDetails | null {
  const method = findPaymentMethod(record.paymentMethod)
  if (!method) return { type: 'card' }
  const { type, last4, country } = method
  if (type === 'card') return { type, card: renderCard(record, method) }
  const bank = { bank_code: '37040044', branch_code: null, country, fingerprint: null, last4 }
  if (type === 'sepa_debit') return { type, sepa_debit: { ...bank, mandate: null } }
  return {
    type,
    us_bank_account: {
      account_holder_type: 'individual',
      account_type: 'checking',
      bank_name: 'STRIPE TEST BANK',
      fingerprint: null,
      last4,
      payment_reference: null,
      routing_number: '110000000',
    },
  }
}

function renderCard(
  record: ChargeRecord,
  method: TestPaymentMethod,
): Stripe.Charge.PaymentMethodDetails.Card {
  const { brand, country, funding, last4, failedCheck } = method
  return {
    amount_authorized: record.status === 'failed' ? null : record.amount,
    authorization_code: null,
    brand,
    checks: {
      address_line1_check: null,
      address_postal_code_check: failedCheck === 'postal_code' ? 'fail' : null,
      cvc_check: failedCheck === 'cvc' ? 'fail' : null,
    },
    country,
    electronic_commerce_indicator: null,
    exp_month: 12,
    exp_year: 2035,
    funding,
    installments: null,
    last4,
    mandate: null,
    network: brand,
    network_transaction_id: null,
    regulated_status: 'unregulated',
    three_d_secure: null,
    transaction_link_id: null,
    wallet: null,
  }
}
