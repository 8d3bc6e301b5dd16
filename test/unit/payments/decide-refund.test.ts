import assert from 'node:assert/strict'
import test from 'node:test'
import { hearRefunds } from '../../../src/flows/pay/money/decide-refund.ts'
import type { RefundBook, RefundEntry } from '../../../src/flows/pay/money/refund-facts.ts'
import type { RefundFacts } from '../../../src/payments/gateway.ts'

const entry: RefundEntry = {
  ...{ id: 'ours', origin: 'shop', providerId: 're_1', amount: 300, state: 'failed' },
  ...{ reason: 'seller', note: null, sellerId: 'ann', round: 0, takenSeconds: null, due: false },
  ...{ nextId: null, lines: [] },
}
const book: RefundBook = {
  checkoutId: 'c',
  order: { state: 'paid', outcome: 'confirmed', before: null },
  payment: {
    ...{ intentId: 'pi_1', amount: 2_800, currency: 'EUR', status: 'succeeded' },
    ...{ captured: 2_800, refunded: 2_800, reclaiming: false },
  },
  refunds: [
    entry,
    {
      ...{ ...entry, id: 'theirs', origin: 'provider', providerId: 're_2', amount: 2_800 },
      ...{ state: 'succeeded', reason: 'provider', sellerId: null },
    },
  ],
  lines: [],
}
const theirsFails: RefundFacts = {
  id: 're_2',
  status: 'failed',
  amount: 2_800,
  refundId: null,
  intentId: 'pi_1',
}
const resumed = (round: number) =>
  hearRefunds(
    { ...book, refunds: [{ ...entry, round }, ...book.refunds.slice(1)] },
    [theirsFails],
    () => 'next',
  ).change?.moves.find(({ id }) => id === 'ours')

test('a refund that was given up because somebody gave all back is asked for again when theirs fails', () => {
  assert.equal(resumed(0)?.againIn, 86_400)
  assert.equal(resumed(3), undefined, 'after 30 days somebody has to look')
})
