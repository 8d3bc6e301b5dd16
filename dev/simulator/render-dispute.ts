import type Stripe from 'stripe'
import { findPaymentMethod } from './payment-methods.ts'
import type { DisputeRecord } from './records.ts'

/** What the account pays for a dispute that took money. */
const disputeFee = 1_500

const evidenceMembers = [
  'access_activity_log',
  'billing_address',
  'cancellation_policy',
  'cancellation_policy_disclosure',
  'cancellation_rebuttal',
  'customer_communication',
  'customer_email_address',
  'customer_name',
  'customer_purchase_ip',
  'customer_signature',
  'duplicate_charge_documentation',
  'duplicate_charge_explanation',
  'duplicate_charge_id',
  'product_description',
  'receipt',
  'refund_policy',
  'refund_policy_disclosure',
  'refund_refusal_explanation',
  'service_date',
  'service_documentation',
  'shipping_address',
  'shipping_carrier',
  'shipping_date',
  'shipping_documentation',
  'shipping_tracking_number',
  'uncategorized_file',
  'uncategorized_text',
] as const
export const evidenceNames: ReadonlySet<string> = new Set(evidenceMembers)

/** The card network's code, by the reason. */
const networkCodes: Readonly<Record<string, string>> = {
  fraudulent: '10.4',
  product_not_received: '13.1',
  product_unacceptable: '13.3',
  credit_not_processed: '13.6',
  duplicate: '12.6',
}

/** Writes out a dispute. */
export function renderDispute(record: DisputeRecord): Stripe.Dispute {
  const texts = Object.fromEntries(
    evidenceMembers.map((name) => [name, record.evidence[name] ?? null]),
  ) as Record<(typeof evidenceMembers)[number], string | null>
  return {
    id: record.id,
    object: 'dispute',
    amount: record.amount,
    balance_transactions: record.movements.map((each) => renderMovement(each, record)),
    charge: record.charge,
    created: record.created,
    currency: record.currency,
    enhanced_eligibility_types: [],
    evidence: { ...texts, enhanced_evidence: {} },
    evidence_details: {
      due_by: record.dueBy,
      enhanced_eligibility: {},
      has_evidence: Object.keys(record.evidence).length > 0,
      past_due: false,
      submission_count: record.submissions,
      submission_method: record.submissions > 0 ? 'manual' : 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: record.inquiry,
    livemode: false,
    metadata: record.metadata,
    payment_intent: record.paymentIntent,
    payment_method_details: {
      type: 'card',
      card: {
        brand: findPaymentMethod(record.paymentMethod)?.brand ?? 'visa',
        case_type: record.inquiry ? 'inquiry' : 'chargeback',
        network: findPaymentMethod(record.paymentMethod)?.brand ?? 'visa',
        network_reason_code: record.inquiry ? '10' : (networkCodes[record.reason] ?? null),
      },
    },
    reason: record.reason,
    status: record.status,
  }
}

function renderMovement(
  { id, at, amount }: DisputeRecord['movements'][number],
  { id: source, currency, charge }: DisputeRecord,
): Stripe.BalanceTransaction {
  const fee = amount < 0 ? disputeFee : 0
  return {
    id,
    object: 'balance_transaction',
    amount,
    available_on: at,
    balance_type: 'payments',
    created: at,
    currency,
    description: `Chargeback ${amount < 0 ? 'withdrawal' : 'reversal'} for ${charge}`,
    exchange_rate: null,
    fee,
    fee_details:
      fee > 0
        ? [
            {
              amount: fee,
              application: null,
              currency,
              description: 'Dispute fee',
              type: 'stripe_fee',
            },
          ]
        : [],
    net: amount - fee,
    reporting_category: amount < 0 ? 'dispute' : 'dispute_reversal',
    source,
    status: 'pending',
    type: 'adjustment',
  }
}
