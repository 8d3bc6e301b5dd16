// What the provider says against what the tables say: every contradiction has a sentence, and nothing else.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  chargeDifference,
  type PaymentRow,
  type RefundRow,
  refundDifference,
} from '../../../src/ops/provider-differences.ts'
import type { IntentStatus } from '../../../src/payments/gateway.ts'

const changedAt = new Date(0)
const here: PaymentRow = {
  ...{ checkoutId: 'C', intentId: 'pi_1', status: 'succeeded', captured: 500, currency: 'EUR' },
  ...{ order: 'paid', underWay: false, changedAt },
}
const open: PaymentRow = { ...here, status: 'open', captured: 0, order: 'awaiting_payment' }
const intent = (status: IntentStatus, amountReceived: number) => ({
  ...{ id: 'pi_1', currency: 'EUR', checkoutId: 'C' },
  ...{ status, amountReceived },
})
const charged = intent('succeeded', 500)
const declined = intent('requires_payment_method', 0)

const charges: readonly [string, Parameters<typeof chargeDifference>, RegExp | null][] = [
  ['charged and paid', [charged, here], null],
  ['neither', [declined, open], null],
  ['an intent that nobody has paid, of a checkout without a payment', [declined, null], null],
  ['a payment that captured nothing, and no intent', [null, open], null],
  ['charged and no payment', [charged, null], /charged 500 EUR for checkout C, which has no/],
  ['charged and not paid', [charged, open], /is open here and whose order is awaiting_payment/],
  ['charged, and no intent is known', [charged, { ...open, intentId: null }], /is open here/],
  ['paid and not charged', [declined, here], /C has paid 500 EUR, and pi_1 is requires_payment/],
  ['paid and no such intent', [null, here], /pi_1, which the provider does not have/],
  ['another amount', [intent('succeeded', 499), here], /charged 499 EUR .* 500 EUR is noted/],
  ['another currency', [{ ...charged, currency: 'USD' }, here], /500 USD .* 500 EUR is noted/],
  ['a second intent', [{ ...charged, id: 'pi_2' }, here], /pi_2 has charged .* intent is pi_1/],
  ['a second intent that nobody has paid', [{ ...declined, id: 'pi_2' }, here], null],
]
for (const [what, [there, row], told] of charges) {
  test(`charges: ${what}`, () => {
    const difference = chargeDifference(there, row)
    if (told === null) assert.equal(difference, null)
    else assert.match(difference ?? '', told)
  })
}

const row: RefundRow = {
  ...{ id: 'R', checkoutId: 'C', intentId: 'pi_1', providerId: 're_1', state: 'succeeded' },
  ...{ amount: 500, currency: 'EUR', underWay: false, changedAt },
}
const back = { id: 're_1', status: 'succeeded', amount: 500, currency: 'EUR', refundId: 'R' }

const refunds: readonly [string, [typeof back | null, RefundRow | null], RegExp | null][] = [
  ['done on both sides', [back, row], null],
  [
    'failed on both sides',
    [
      { ...back, status: 'failed' },
      { ...row, state: 'failed' },
    ],
    null,
  ],
  ['one that failed there and that nobody knows', [{ ...back, status: 'failed' }, null], null],
  ['one that is not begun there', [null, { ...row, state: 'pending' }], null],
  ['made at the provider', [back, null], /re_1 of checkout C gives 500 EUR back .* no refund here/],
  ['done here alone', [null, row], /R of checkout C has given 500 EUR back here/],
  ['another amount', [{ ...back, amount: 400 }, row], /400 EUR back .* 500 EUR is noted here/],
  ['failed there after all', [{ ...back, status: 'failed' }, row], /failed .* succeeded here/],
  ['done there, given up here', [back, { ...row, state: 'failed' }], /succeeded .* failed here/],
]
for (const [what, [there, known], told] of refunds) {
  test(`refunds: ${what}`, () => {
    const difference = refundDifference(there, known, 'C')
    if (told === null) assert.equal(difference, null)
    else assert.match(difference ?? '', told)
  })
}
