// The table of currencies: every entry, how its amounts are written, and which prices can be charged.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type Currency,
  currencies,
  currencyOf,
  formatMoney,
  priceFault,
  unitsPayable,
} from '../../../src/kernel/currency.ts'

const known = (code: string): Currency => {
  const currency = currencyOf(code)
  assert.ok(currency, code)
  return currency
}
/** As a reader of English takes an amount: a point before the fraction, commas between thousands. */
const read = (text: string, { digits }: Currency): number => {
  const number = /[\d,]+(?:\.\d+)?$/.exec(text)?.[0] ?? ''
  const [whole = '', fraction = ''] = number.replaceAll(',', '').split('.')
  return Number(whole + fraction.padEnd(digits, '0'))
}
const anyCurrency = fc.constantFrom(...currencies)
/** Intl writes a no-break space between a code and its amount. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('every entry has sensible limits, and is written with the digits that Stripe counts', () => {
  assert.ok(currencies.length > 135)
  assert.equal(new Set(currencies.map(({ code }) => code)).size, currencies.length)
  for (const currency of currencies) {
    const { code, digits, step, least, most } = currency
    assert.match(code, /^[A-Z]{3}$/)
    assert.equal(currencyOf(code), currency)
    assert.ok(least >= step && most > least, code)
    assert.deepEqual([least % step, most % step], [0, 0], code)
    const odd = 123_456_789
    const fraction = /\.(\d+)$/.exec(formatMoney(odd, code))?.[1] ?? ''
    assert.equal(fraction.length, digits, code)
    assert.equal(read(formatMoney(odd, code), currency), odd, code)
  }
})

test('an amount that is written can be read again, in every currency', () => {
  fc.assert(
    fc.property(anyCurrency, fc.nat(999_999_999_999), (currency, minor) => {
      assert.equal(read(formatMoney(minor, currency.code), currency), minor)
    }),
  )
})

test('digits are those of Stripe, not of ISO 4217', () => {
  const withDigits = (digits: number) =>
    currencies.filter((each) => each.digits === digits).map(({ code }) => code)
  assert.deepEqual(
    withDigits(0).join(' '),
    'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF',
  )
  assert.deepEqual(withDigits(3).join(' '), 'BHD JOD KWD OMR TND')
  for (const code of ['HUF', 'TWD', 'ISK', 'UGX']) assert.equal(known(code).digits, 2, code)
})

const written: readonly (readonly [number, string, string])[] = [
  [4_900, 'EUR', '€49.00'],
  [1, 'USD', '$0.01'],
  [500, 'JPY', '¥500'],
  [490_000, 'HUF', 'HUF 4,900'],
  [490_050, 'HUF', 'HUF 4,900.50'],
  [80_000, 'TWD', 'NT$800'],
  [80_045, 'TWD', 'NT$800.45'],
  [500, 'ISK', 'ISK 5'],
  [500, 'UGX', 'UGX 5'],
  [5_120, 'KWD', 'KWD 5.120'],
  [4_900, 'XXX', 'XXX 49.00'],
]
for (const [minor, code, text] of written) {
  test(`${minor} ${code} is ${text}`, () => {
    assert.equal(plain(formatMoney(minor, code)), text)
  })
}

const judged: readonly (readonly [number, string, RegExp | null])[] = [
  [0, 'EUR', null],
  [1, 'EUR', /at least €0\.50/],
  [49, 'EUR', /at least €0\.50/],
  [50, 'EUR', null],
  [99_999_999, 'EUR', null],
  [100_000_000, 'EUR', /at most €999,999\.99/],
  [49, 'JPY', /at least ¥50/],
  [17_499, 'HUF', /at least HUF\s175/],
  [17_550, 'HUF', null],
  [150, 'ISK', /multiple of 100: the least step of ISK is ISK\s1$/],
  [99_999_999, 'UGX', /at most UGX\s999,999$/],
  [50, 'UGX', /at least UGX\s1,/],
  [5_124, 'KWD', /multiple of 10: the least step of KWD is KWD\s0\.010$/],
  [5_120, 'KWD', null],
  [1, 'XAF', null],
  [999_999_999_999, 'IDR', null],
  [1_000_000_000, 'INR', /at most ₹9,999,999\.99/],
  [4_900, 'XXX', /Nobody can be charged in XXX/],
  [4_900, 'XAU', /Nobody can be charged in XAU/],
  [0, 'ZZZ', null],
]
for (const [price, code, fault] of judged) {
  test(`a price of ${price} ${code} is ${fault ? 'refused' : 'taken'}`, () => {
    const found = priceFault(price, code)
    if (fault === null) assert.equal(found, null)
    else assert.match(found ?? '', fault)
  })
}

test('what one payment can take of a SKU is as much as its limit allows, and no unit more', () => {
  fc.assert(
    fc.property(anyCurrency, fc.nat(200_000_000), ({ code, most }, price) => {
      const units = unitsPayable(price, code)
      if (price === 0) assert.equal(units, null)
      else if (priceFault(price, code)) assert.equal(units, 0)
      else assert.ok(units && units * price <= most && (units + 1) * price > most)
    }),
  )
  assert.equal(unitsPayable(4_900, 'XXX'), 0)
})
