/**
 * The one table of currencies. Amounts are integers in minor units as Stripe counts them, which is
 * not always as ISO 4217 or Intl count them. What Stripe presents, its digits, its special cases,
 * its least and largest charges: https://docs.stripe.com/currencies, read in 2026.
 */

/** One currency in which a buyer can be charged. All amounts are minor units. */
export interface Currency {
  /** Three capital letters, as in ISO 4217. */
  readonly code: string
  /** Minor units in a major one: 10 to the power of this. */
  readonly digits: 0 | 2 | 3
  /** Every amount is a multiple of this. */
  readonly step: number
  /** The least that can be charged, above 0. */
  readonly least: number
  /** The most that one payment can take. */
  readonly most: number
  /** People write no cents when there are none. */
  readonly wholeAlone: boolean
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const twoDigits = words(`
  AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF
  CHF CNY COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF
  IDR ILS INR ISK JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK
  MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD
  SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS WST XCD XCG YER ZAR ZMW`)
const noDigits = words('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF')
/** The last digit of an amount must be 0. */
const threeDigits = words('BHD JOD KWD OMR TND')
/** Counted in hundredths for the sake of old clients, and charged whole. */
const chargedWhole: ReadonlySet<string> = new Set(['ISK', 'UGX'])
/** Nobody uses their cents any more, though Stripe counts them; TWD and HUF are paid out whole. */
const writtenWhole: ReadonlySet<string> = new Set(
  words('AFN ALL COP HUF IDR ISK LAK LBP MMK PKR SOS STD TWD UGX YER'),
)

/**
 * What Stripe charges at least, for an account that settles in the same currency. It converts the
 * others first, at a rate that nobody knows here: for them any amount above 0 may be enough. BGN is
 * no longer published; this is what it was.
 */
const published: Readonly<Record<string, number>> = {
  ...{ AED: 200, ARS: 50, AUD: 50, BGN: 100, BRL: 50, CAD: 50, CHF: 50, COP: 50, CZK: 1_500 },
  ...{ DKK: 250, EUR: 50, GBP: 30, HKD: 400, HUF: 17_500, IDR: 50, ILS: 50, INR: 50, JPY: 50 },
  ...{ KRW: 50, MXN: 1_000, MYR: 200, NOK: 300, NZD: 50, PHP: 50, PLN: 200, RON: 200, RUB: 50 },
  ...{ SEK: 300, SGD: 50, THB: 1_000, USD: 50, ZAR: 50 },
}

/** Eight digits for every way to pay. Cards may take more; it depends on their network. */
const mostOfAll = 99_999_999
const moreDigits: Readonly<Record<string, number>> = {
  ...{ INR: 999_999_999, COP: 9_999_999_999, IDR: 999_999_999_999 },
}

function entry(code: string, digits: Currency['digits']): [string, Currency] {
  const step = digits === 3 ? 10 : chargedWhole.has(code) ? 100 : 1
  const largest = moreDigits[code] ?? mostOfAll
  return [
    code,
    {
      ...{ code, digits, step, least: published[code] ?? step },
      ...{ most: largest - (largest % step), wholeAlone: writtenWhole.has(code) },
    },
  ]
}

const table: ReadonlyMap<string, Currency> = new Map(
  [
    ...twoDigits.map((code) => entry(code, 2)),
    ...noDigits.map((code) => entry(code, 0)),
    ...threeDigits.map((code) => entry(code, 3)),
  ].toSorted(([a], [b]) => (a < b ? -1 : 1)),
)

/** Every currency in which a buyer can be charged, by its code. For schemas, texts and tests. */
export const currencies: readonly Currency[] = [...table.values()]

/** The entry of a code in capitals; undefined when nobody can be charged in it. */
export function currencyOf(code: string): Currency | undefined {
  return table.get(code)
}

/** What is said of a code that has no entry, whoever sent it. */
export function aboutUnknown(code: string): string {
  return `Nobody can be charged in ${code}. Use a currency such as EUR, USD or JPY`
}

/**
 * Why a unit at this price, in minor units, can never be paid for, as a sentence without its full
 * stop; null when it can. Sellers read it. A price of 0 is free, and asks nobody to pay.
 */
export function priceFault(price: number, code: string): string | null {
  if (price === 0) return null
  const currency = table.get(code)
  if (!currency) return aboutUnknown(code)
  const { least, most, step } = currency
  const money = (minor: number) => formatMoney(minor, code)
  if (price < least) return `Must be at least ${money(least)}, or 0 for what is free`
  if (price > most) return `Must be at most ${money(most)}`
  if (price % step === 0) return null
  return `Must be a multiple of ${step}: the least step of ${code} is ${money(step)}`
}

/**
 * How many units at this price one payment can take; 0 when not even one can be paid for. Null: as
 * many as you like, they are free. Offers carry it to the gates.
 */
export function unitsPayable(price: number, code: string): number | null {
  if (price === 0) return null
  if (priceFault(price, code) !== null) return 0
  return Math.floor((table.get(code)?.most ?? 0) / price)
}

/** Making one costs more than the rest of a mail. At most two for each entry of the table and language. */
const formats = new Map<string, Intl.NumberFormat>()

function format(code: string, digits: number, language: string): Intl.NumberFormat {
  const name = `${language} ${code} ${digits}`
  const known = formats.get(name)
  if (known) return known
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits }
  const made = new Intl.NumberFormat(language, { style: 'currency', currency: code, ...fraction })
  formats.set(name, made)
  return made
}

/**
 * An amount in minor units, as people write it in mails, problems and test pages: 4900 EUR is
 * €49.00, 500 JPY is ¥500, and 490000 HUF is HUF 4,900; in German, 49,00 €. Old rows may have a currency that has no
 * entry; its code then stands before an amount with two digits.
 */
export function formatMoney(minor: number, code: string, language: 'en' | 'de' = 'en'): string {
  const currency = table.get(code)
  if (!currency) return `${code} ${(minor / 100).toFixed(2)}`
  const unit = 10 ** currency.digits
  const digits = currency.wholeAlone && minor % unit === 0 ? 0 : currency.digits
  return format(code, digits, language).format(minor / unit)
}
