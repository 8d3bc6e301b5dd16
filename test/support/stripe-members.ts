/**
 * The members of Stripe's objects, by the type of their value in Stripe's public examples (stripe/openapi, MIT).
 * `any` was null there.
 */
export const stripeMembers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  payment_intent: {
    any: `
      application application_fee_amount cancellation_reason customer customer_account description
      excluded_payment_method_types latest_charge on_behalf_of payment_method receipt_email review
      setup_future_usage source statement_descriptor statement_descriptor_suffix transfer_group`,
    flag: 'livemode',
    list: 'payment_method_types',
    number: 'amount amount_capturable amount_received canceled_at created',
    object: `
      amount_details automatic_payment_methods last_payment_error managed_payments metadata
      next_action payment_method_configuration_details payment_method_options processing shipping
      transfer_data`,
    text: 'capture_method client_secret confirmation_method currency id object status',
  },
  charge: {
    any: `
      application application_fee application_fee_amount calculated_statement_descriptor customer
      failure_balance_transaction failure_code failure_message on_behalf_of payment_intent
      receipt_email receipt_number review source_transfer statement_descriptor
      statement_descriptor_suffix transfer_group`,
    flag: 'captured disputed livemode paid refunded',
    number: 'amount amount_captured amount_refunded created',
    object: `
      billing_details fraud_details metadata outcome payment_method_details refunds shipping
      source transfer_data`,
    text: 'balance_transaction currency description id object payment_method receipt_url status',
  },
  refund: {
    any: `
      balance_transaction customer customer_account payment_intent payment_method reason
      receipt_number source_transfer_reversal transfer_reversal`,
    number: 'amount created',
    object: 'destination_details metadata',
    text: 'charge currency id object status',
  },
  event: {
    any: 'api_version',
    flag: 'livemode',
    number: 'created pending_webhooks',
    object: 'data request',
    text: 'id object type',
  },
  dispute: {
    any: 'payment_intent',
    flag: 'is_charge_refundable livemode',
    list: 'balance_transactions enhanced_eligibility_types',
    number: 'amount created',
    object: 'evidence evidence_details metadata payment_method_details',
    text: 'charge currency id object reason status',
  },
  payment_method: {
    any: 'customer customer_account',
    flag: 'livemode',
    number: 'created',
    object: 'billing_details card metadata',
    text: 'allow_redisplay id object type',
  },
  customer: {
    any: 'default_source description email name phone test_clock',
    flag: 'delinquent livemode',
    list: 'preferred_locales',
    number: 'balance created next_invoice_sequence',
    object: 'address discount invoice_settings metadata shipping',
    text: 'currency id invoice_prefix object tax_exempt',
  },
  balance_transaction: {
    any: 'exchange_rate',
    list: 'fee_details',
    number: 'amount available_on created fee net',
    text: 'balance_type currency description id object reporting_category source status type',
  },
  'radar.early_fraud_warning': {
    flag: 'actionable livemode',
    number: 'created',
    text: 'charge fraud_type id object',
  },
  review: {
    any: 'billing_zip closed_reason ip_address',
    flag: 'livemode open',
    number: 'created',
    object: 'ip_address_location session',
    text: 'charge id object opened_reason reason',
  },
}
