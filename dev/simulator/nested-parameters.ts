/** What Stripe takes inside of the parameters that have members; a group that is not listed takes anything. */
const names = (text: string): readonly string[] => text.trim().split(/\s+/)

const address = names('city country line1 line2 postal_code state')

const groups: Readonly<Record<string, readonly string[]>> = {
  automatic_payment_methods: names('allow_redirects enabled'),
  created: names('gt gte lt lte'),
  radar_options: names('referrer session'),
  mandate_data: names('customer_acceptance'),
  'mandate_data[customer_acceptance]': names('accepted_at offline online type'),
  'mandate_data[customer_acceptance][online]': names('ip_address user_agent'),
  transfer_data: names('amount description destination metadata payment_data'),
  shipping: names('address carrier name phone tracking_number'),
  'shipping[address]': address,
  address,
  payment_method_options: names(`
    acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact
    billie bizum blik boleto card card_present cashapp crypto customer_balance eps fpx giropay
    grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco
    naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay
    revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi
    us_bank_account wechat_pay zip`),
  'payment_method_options[card]': names(`
    capture_method cvc_token installments mandate_options moto network
    request_decremental_authorization request_extended_authorization
    request_incremental_authorization request_multicapture request_overcapture
    request_three_d_secure require_cvc_recollection setup_future_usage
    statement_descriptor_suffix_kana statement_descriptor_suffix_kanji three_d_secure`),
}

/** The part of `key`, as in `shipping[address][town]`, that Stripe does not know; undefined when it knows all. */
export function unknownMember(key: string): string | undefined {
  const [first = '', ...members] = key.split(/\]?\[|\]$/).filter((part) => part !== '')
  let path = first
  for (const member of members) {
    const known = Object.hasOwn(groups, path) ? groups[path] : undefined
    const below = `${path}[${member}]`
    if (known && !known.includes(member)) return below
    path = below
  }
  return undefined
}
