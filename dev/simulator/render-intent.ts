/** PaymentIntents, the error of the last attempt, and the payment method that it was about. */
import type Stripe from 'stripe'
import { docUrl } from './failure.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { PaymentError, PaymentIntentRecord } from './records.ts'

/** Writes out a PaymentIntent. */
export function renderPaymentIntent(record: PaymentIntentRecord): Stripe.PaymentIntent {
  const { lastError } = record
  const method = record.paymentMethod ? findPaymentMethod(record.paymentMethod) : undefined
  return {
    id: record.id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: record.amount,
    amount_capturable: record.amountCapturable,
    amount_details: { tip: {} },
    amount_received: record.amountReceived,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: { allow_redirects: 'never', enabled: true },
    canceled_at: record.canceledAt,
    cancellation_reason: record.cancellationReason,
    capture_method: record.captureMethod,
    client_secret: `${record.id}_secret_${record.secret}`,
    confirmation_method: record.confirmationMethod,
    created: record.created,
    currency: record.currency,
    customer: record.customer ?? null,
    customer_account: null,
    description: record.description,
    excluded_payment_method_types: record.excluded?.length ? [...record.excluded] : null,
    last_payment_error: lastError && renderPaymentError(lastError, record),
    latest_charge: record.charges.at(-1) ?? null,
    livemode: false,
    managed_payments: null,
    metadata: record.metadata,
    next_action: renderNextAction(record),
    on_behalf_of: null,
    payment_method: record.paymentMethod,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: 'automatic',
      },
    },
    payment_method_types: [method?.type ?? 'card'],
    payment_record: null,
    processing: null,
    receipt_email: record.receiptEmail,
    review: record.review ?? null,
    setup_future_usage: null,
    shipping: record.shipping ?? null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: record.statementSuffix ?? null,
    status: record.status,
    transfer_data: null,
    transfer_group: null,
  }
}

/** Who confirms without a page to come back to, or with `use_stripe_sdk`, leaves the asking to Stripe.js. */
function renderNextAction(record: PaymentIntentRecord): Stripe.PaymentIntent.NextAction | null {
  const { bankUrl, returnUrl, sdk } = record
  if (!bankUrl) return null
  if (returnUrl && !sdk) {
    return { type: 'redirect_to_url', redirect_to_url: { return_url: returnUrl, url: bankUrl } }
  }
  const asking = { type: 'three_d_secure_redirect', stripe_js: bankUrl, source: `src_${record.id}` }
  return { type: 'use_stripe_sdk', use_stripe_sdk: asking }
}

function renderPaymentError(
  error: PaymentError,
  about: PaymentIntentRecord,
): Stripe.PaymentIntent.LastPaymentError {
  return {
    type: error.type,
    code: error.code,
    doc_url: docUrl(error.code),
    message: error.message,
    payment_method: renderPaymentMethod(error, about),
    ...(error.declineCode ? { decline_code: error.declineCode } : {}),
    ...(error.charge ? { charge: error.charge } : {}),
  }
}

/** Writes out a payment method; `about` says since when it is known. */
export function renderPaymentMethod(
  { paymentMethod }: Pick<PaymentError, 'paymentMethod'>,
  { created }: Pick<PaymentIntentRecord, 'created'>,
): Stripe.PaymentMethod {
  const method = findPaymentMethod(paymentMethod)
  return {
    id: paymentMethod,
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    created,
    customer: null,
    customer_account: null,
    livemode: false,
    metadata: {},
    type: method?.type ?? 'card',
    ...(method?.type === 'card'
      ? {
          card: {
            brand: method.brand,
            checks: {
              address_line1_check: null,
              address_postal_code_check: null,
              cvc_check: 'unchecked',
            },
            country: method.country,
            display_brand: method.brand,
            exp_month: 12,
            exp_year: 2035,
            funding: method.funding,
            generated_from: null,
            last4: method.last4,
            networks: { available: [method.brand], preferred: null },
            regulated_status: 'unregulated',
            three_d_secure_usage: { supported: true },
            wallet: null,
          },
        }
      : {}),
  }
}
