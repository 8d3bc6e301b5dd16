/** The test payment methods that are understood, under the names that Stripe's test mode gives them. */
import type { Complaint } from './complaints.ts'
import { type Decline, declines } from './declines.ts'

export interface TestPaymentMethod {
  readonly type: 'card' | 'us_bank_account' | 'sepa_debit'
  readonly brand: 'visa' | 'mastercard' | 'amex' | 'discover' | 'diners' | 'jcb' | 'unionpay'
  readonly last4: string
  readonly country: string
  readonly funding: 'credit' | 'debit' | 'prepaid'
  /** Whether the bank wants the buyer first; some do not mind a buyer who is away. */
  readonly authentication: 'no' | 'required' | 'unless_off_session'
  /** The answer to the charge, when it is no; of a debit, the answer in the end. */
  readonly decline: Decline | null
  /** Radar's opinion; the highest is refused before the bank is asked. */
  readonly risk: 'normal' | 'elevated' | 'highest'
  /** Which check fails although the charge does not. */
  readonly failedCheck: 'cvc' | 'postal_code' | null
  /** Whether a charge needs time: it `settles` by itself, some later than others, or `waits` until it is told to. */
  readonly processing: 'no' | 'settles' | 'settles_late' | 'waits'
  /** What becomes of a refund: done at once, done later, or failed later. */
  readonly refund: 'succeeds' | 'pending' | 'fails'
  /** What the bank says as soon as the money was taken. */
  readonly disputes: readonly Omit<Complaint, 'amount'>[]
  /** The issuer warns of fraud as soon as the money was taken. */
  readonly warned: boolean
}

const visa: TestPaymentMethod = {
  type: 'card',
  brand: 'visa',
  last4: '4242',
  country: 'US',
  funding: 'credit',
  authentication: 'no',
  decline: null,
  risk: 'normal',
  failedCheck: null,
  processing: 'no',
  refund: 'succeeds',
  disputes: [],
  warned: false,
}
type More = Partial<TestPaymentMethod>
const card = (last4: string, more: More = {}): TestPaymentMethod => ({ ...visa, last4, ...more })
const bank = (last4: string, more: More = {}) =>
  card(last4, { type: 'us_bank_account', processing: 'settles', ...more })

const asking = { authentication: 'required' } as const
const fraudulent = { reason: 'fraudulent', inquiry: false } as const
const notReceived = { reason: 'product_not_received', inquiry: false } as const
const inquiry = { reason: 'fraudulent', inquiry: true } as const

/** By brand and country. */
const paying: Readonly<Record<string, TestPaymentMethod>> = {
  pm_card_visa: visa,
  pm_card_visa_debit: card('5556', { funding: 'debit' }),
  pm_card_mastercard: card('4444', { brand: 'mastercard' }),
  pm_card_mastercard_debit: card('8210', { brand: 'mastercard', funding: 'debit' }),
  pm_card_mastercard_prepaid: card('5100', { brand: 'mastercard', funding: 'prepaid' }),
  pm_card_amex: card('8431', { brand: 'amex' }),
  pm_card_discover: card('1117', { brand: 'discover' }),
  pm_card_diners: card('0004', { brand: 'diners' }),
  pm_card_jcb: card('0505', { brand: 'jcb', country: 'JP' }),
  pm_card_unionpay: card('0005', { brand: 'unionpay', country: 'CN' }),
  pm_card_us: visa,
  pm_card_at: card('0008', { country: 'AT' }),
  pm_card_au: card('0006', { country: 'AU' }),
  pm_card_ch: card('0009', { country: 'CH' }),
  pm_card_de: card('0016', { country: 'DE' }),
  pm_card_fr: card('0003', { country: 'FR' }),
  pm_card_gb: card('0000', { country: 'GB' }),
  pm_card_jp: card('0003', { country: 'JP' }),
  pm_card_bypassPending: card('0077'),
  pm_card_cvcCheckFail: card('0101', { failedCheck: 'cvc' }),
  pm_card_avsZipFail: card('0036', { failedCheck: 'postal_code' }),
  pm_card_pendingRefund: card('7726', { refund: 'pending' }),
  pm_card_refundFail: card('5126', { refund: 'fails' }),
}

/** Refused at once. */
const refusing: Readonly<Record<string, TestPaymentMethod>> = {
  pm_card_chargeDeclined: card('0002', { decline: declines.generic }),
  pm_card_chargeDeclinedInsufficientFunds: card('9995', { decline: declines.noFunds }),
  pm_card_chargeDeclinedLostCard: card('9987', { decline: declines.lost }),
  pm_card_chargeDeclinedStolenCard: card('9979', { decline: declines.stolen }),
  pm_card_chargeDeclinedExpiredCard: card('0069', { decline: declines.expired }),
  pm_card_chargeDeclinedIncorrectCvc: card('0127', { decline: declines.incorrectCvc }),
  pm_card_chargeDeclinedProcessingError: card('0119', { decline: declines.processingError }),
  pm_card_chargeDeclinedVelocityLimitExceeded: card('6975', { decline: declines.velocity }),
  pm_card_chargeCustomerFail: card('0341', { decline: declines.generic }),
  pm_card_chargeDeclinedFraudulent: card('0019', { risk: 'highest' }),
  pm_card_radarBlock: card('0019', { risk: 'highest' }),
  pm_card_riskLevelHighest: card('4954', { risk: 'highest' }),
}

/** The bank asks the buyer first. */
const authenticating: Readonly<Record<string, TestPaymentMethod>> = {
  pm_card_authenticationRequired: card('3184', asking),
  pm_card_authenticationRequiredOnSetup: card('3155', asking),
  pm_card_authenticationRequiredSetupForOffSession: card('0446', {
    authentication: 'unless_off_session',
  }),
  pm_card_authenticationRequiredChargeDeclinedInsufficientFunds: card('3178', {
    ...asking,
    decline: declines.noFunds,
  }),
  pm_card_threeDSecure2Required: card('3220', asking),
  pm_card_threeDSecureRequired: card('3063', asking),
  pm_card_threeDSecureRequiredChargeDeclined: card('1629', {
    ...asking,
    decline: declines.generic,
  }),
  pm_card_threeDSecureRequiredProcessingError: card('1280', {
    ...asking,
    decline: declines.processingError,
  }),
  pm_card_threeDSecureOptional: card('3055'),
  pm_card_amex_threeDSecureNotSupported: card('0005', { brand: 'amex' }),
}

/** Paid, and then there is trouble. */
const troubling: Readonly<Record<string, TestPaymentMethod>> = {
  pm_card_createDispute: card('0259', { disputes: [fraudulent] }),
  pm_card_createDisputeProductNotReceived: card('2685', { disputes: [notReceived] }),
  pm_card_createDisputeInquiry: card('1976', { disputes: [inquiry] }),
  pm_card_createMultipleDisputes: card('0079', { disputes: [fraudulent, notReceived] }),
  pm_card_createIssuerFraudRecord: card('5423', { warned: true }),
  pm_card_riskLevelElevated: card('9235', { risk: 'elevated' }),
}

/** Debits, which are processed first. */
const debits: Readonly<Record<string, TestPaymentMethod>> = {
  pm_usBankAccount_success: bank('6789'),
  pm_usBankAccount_accountClosed: bank('1113', { decline: declines.accountClosed }),
  pm_usBankAccount_noAccount: bank('1116', { decline: declines.noAccount }),
  pm_usBankAccount_insufficientFunds: bank('2227', { decline: declines.debitWithoutFunds }),
  pm_usBankAccount_debitNotAuthorized: bank('3335', { decline: declines.debitNotAuthorized }),
  pm_usBankAccount_dispute: bank('5559', { disputes: [fraudulent] }),
  pm_usBankAccount_processing: bank('0009', { processing: 'waits' }),
}

/** `pm_sepaDebit_<scenario>_<country>`. */
const sepaScenarios: Readonly<Record<string, TestPaymentMethod>> = {
  success: card('3201', { processing: 'settles' }),
  successDelayed: card('3204', { processing: 'settles_late' }),
  failed: card('3202', { processing: 'settles', decline: declines.debitWithoutFunds }),
  failedDelayed: card('3205', { processing: 'settles_late', decline: declines.debitWithoutFunds }),
  disputed: card('3203', { processing: 'settles', disputes: [fraudulent] }),
}

const methods: Readonly<Record<string, TestPaymentMethod>> = {
  ...paying,
  ...refusing,
  ...authenticating,
  ...troubling,
  ...debits,
}

/** The test payment method of that name, or undefined. */
export function findPaymentMethod(name: string): TestPaymentMethod | undefined {
  if (Object.hasOwn(methods, name)) return methods[name]
  // Stripe knows the declines by two names, with the brand and without.
  const bare = name.replace('pm_card_visa_chargeDeclined', 'pm_card_chargeDeclined')
  if (Object.hasOwn(refusing, bare)) return refusing[bare]
  const [, scenario = '', country = ''] = /^pm_sepaDebit_(\w+)_([a-z]{2})$/.exec(name) ?? []
  const found = Object.hasOwn(sepaScenarios, scenario) ? sepaScenarios[scenario] : undefined
  return found && { ...found, type: 'sepa_debit', country: country.toUpperCase() }
}

/** Every name, but for those of debits in other countries than Germany. */
export function paymentMethodNames(): string[] {
  const sepa = Object.keys(sepaScenarios).map((scenario) => `pm_sepaDebit_${scenario}_de`)
  return [...Object.keys(methods), ...sepa]
}
