/**
 * The parameters that Stripe takes at each address. Those that the simulator has no use for are accepted and
 * ignored; any other is refused, so that a misspelt one does not wait for the real Stripe to be found.
 */
const set = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/))

export const createParams = set(`
  amount currency allowed_payment_method_types amount_details application_fee_amount
  automatic_payment_methods capture_method confirm confirmation_method confirmation_token customer
  customer_account description error_on_requires_action excluded_payment_method_types expand hooks
  mandate mandate_data metadata off_session on_behalf_of payment_details payment_method
  payment_method_configuration payment_method_data payment_method_options payment_method_types
  radar_options receipt_email return_url setup_future_usage shipping statement_descriptor
  statement_descriptor_suffix transfer_data transfer_group use_stripe_sdk`)

export const confirmParams = set(`
  allowed_payment_method_types amount_details amount_to_confirm capture_method client_secret
  confirmation_token error_on_requires_action excluded_payment_method_types expand hooks mandate
  mandate_data off_session payment_details payment_method payment_method_data payment_method_options
  payment_method_types radar_options receipt_email return_url setup_future_usage shipping
  use_stripe_sdk`)

export const captureParams = set(`
  amount_details amount_to_capture application_fee_amount expand final_capture hooks metadata
  payment_details statement_descriptor statement_descriptor_suffix transfer_data`)

export const cancelParams = set('cancellation_reason expand')

export const refundParams = set(`
  amount charge currency customer expand instructions_email metadata origin payment_intent reason
  refund_application_fee reverse_transfer`)

export const retrieveParams = set('expand client_secret')

export const listParams = set(`
  created customer customer_account ending_before expand limit starting_after charge payment_intent
  type types transfer_group delivery_success`)

export const searchParams = set('query limit page expand')

export const refundUpdateParams = set('metadata expand')

export const refundCancelParams = set('expand')

export const disputeParams = set('evidence metadata submit intended_submission_method expand')

export const disputeCloseParams = set('expand')

export const approveParams = set('expand')

export const updateParams = set(`
  allowed_payment_method_types amount amount_details application_fee_amount capture_method currency
  customer customer_account description excluded_payment_method_types expand hooks metadata
  payment_details payment_method payment_method_configuration payment_method_data
  payment_method_options receipt_email setup_future_usage shipping statement_descriptor
  statement_descriptor_suffix transfer_data transfer_group`)

export const customerParams = set(`
  address balance business_name cash_balance default_source description email expand individual_name
  invoice_prefix invoice_settings metadata name next_invoice_sequence payment_method phone
  preferred_locales shipping source tax tax_exempt tax_id_data test_clock validate`)
