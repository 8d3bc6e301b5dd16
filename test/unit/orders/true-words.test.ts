// Which mail is true of an order at the moment in which it is sent.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { OrderFacts } from '../../../src/notifications/order-facts.ts'
import {
  moneyWord,
  type OrderMessage,
  trueTemplate,
} from '../../../src/notifications/true-words.ts'

type Payment = NonNullable<OrderFacts['payment']>

const payment = (over: Partial<Payment> = {}): Payment => ({
  ...{ status: 'open', captured: 0, refunded: 0, underWay: false, reclaiming: false },
  ...{ bankHasMoney: false, card: null, ...over },
})
const paid = payment({ status: 'succeeded', captured: 1_000 })

interface Case {
  readonly message: OrderMessage
  readonly order: readonly [state: string, outcome: string | null, payment: Payment | null]
  readonly payload?: Readonly<Record<string, string | number>>
  readonly refund?: readonly [state: string, amount: number]
}

const cases: readonly (readonly [what: string, about: Case, mail: string | null])[] = [
  [
    'a paid order is confirmed',
    { message: 'order-confirmed', order: ['paid', 'confirmed', paid] },
    'order-confirmed',
  ],
  [
    'an order that was cancelled before its mail went out is not confirmed',
    { message: 'order-confirmed', order: ['cancelled', 'confirmed', paid] },
    null,
  ],
  [
    'a hold that ended is told',
    { message: 'expired', order: ['expired', 'expired', null] },
    'expired',
  ],
  [
    'an expired order that late money has paid is not told as expired',
    { message: 'expired', order: ['paid', 'confirmed', paid] },
    null,
  ],
  [
    'a declined card is told as declined',
    {
      message: 'payment-failed',
      payload: { reason: 'declined' },
      order: ['payment_failed', 'payment_failed', payment()],
    },
    'payment-declined',
  ],
  [
    'a provider that is away declined nobody',
    {
      message: 'payment-failed',
      payload: { reason: 'payment provider unreachable' },
      order: ['payment_failed', 'payment_failed', payment()],
    },
    'payment-failed',
  ],
  [
    'a payment that failed and was refunded later is still told',
    { message: 'payment-failed', order: ['refunded', 'payment_failed', paid] },
    'payment-failed',
  ],
  [
    'an order that somebody else’s word has paid did not fail',
    { message: 'payment-failed', order: ['paid', 'confirmed', paid] },
    null,
  ],
  [
    'a buyer’s cancel',
    {
      message: 'cancelled',
      payload: { reason: 'by buyer' },
      order: ['cancelled', 'confirmed', paid],
    },
    'cancelled-by-buyer',
  ],
  [
    'a seller’s cancel',
    {
      message: 'cancelled',
      payload: { reason: 'by seller' },
      order: ['refunded', 'confirmed', paid],
    },
    'cancelled-by-seller',
  ],
  [
    'an order that goes on was not cancelled',
    { message: 'cancelled', order: ['processing', 'confirmed', paid] },
    null,
  ],
  [
    'all of the money went back',
    { message: 'refunded', refund: ['succeeded', 1_000], order: ['refunded', 'confirmed', paid] },
    'refunded-whole',
  ],
  [
    'a part of the money went back',
    { message: 'refunded', refund: ['succeeded', 400], order: ['shipped', 'confirmed', paid] },
    'refunded-part',
  ],
  [
    'late money went back, because others had bought the units',
    {
      message: 'refunded',
      payload: { reason: 'late' },
      refund: ['succeeded', 1_000],
      order: ['refunded', 'expired', paid],
    },
    'refunded-sold-out',
  ],
  [
    'late money went back, because its order had been given up',
    {
      message: 'refunded',
      payload: { reason: 'late' },
      refund: ['succeeded', 1_000],
      order: ['refunded', 'cancelled', paid],
    },
    'refunded-late',
  ],
  [
    'a refund that the bank has returned by now is not told as done',
    { message: 'refunded', refund: ['failed', 1_000], order: ['cancelled', 'confirmed', paid] },
    null,
  ],
  [
    'a refund that somebody began elsewhere has no row of ours',
    { message: 'refunded', payload: { amount: 300 }, order: ['paid', 'confirmed', paid] },
    'refunded-part',
  ],
  [
    'a refund that the bank has returned is corrected',
    {
      message: 'refund-failed',
      refund: ['failed', 1_000],
      order: ['cancelled', 'confirmed', paid],
    },
    'refund-failed',
  ],
  [
    'a refund that is well is not corrected',
    {
      message: 'refund-failed',
      refund: ['succeeded', 1_000],
      order: ['refunded', 'confirmed', paid],
    },
    null,
  ],
]
for (const [what, { message, order, payload = {}, refund }, mail] of cases) {
  test(`${what}: ${mail ?? 'no mail'}`, () => {
    const [state, outcome, money] = order
    const row = refund ? { id: '', state: refund[0], amount: refund[1] } : null
    assert.equal(trueTemplate(message, payload, { state, outcome, payment: money }, row), mail)
  })
}

test('nobody is told "not charged" while a debit may be under way, or has been made', () => {
  assert.equal(moneyWord(null), 'notCharged')
  assert.equal(moneyWord(payment()), 'notCharged')
  assert.equal(moneyWord(payment({ status: 'canceled' })), 'notCharged')
  assert.equal(moneyWord(payment({ underWay: true })), 'underWay')
  assert.equal(moneyWord({ ...paid, reclaiming: true }), 'reclaiming')
  assert.equal(moneyWord(paid), 'goesBack')
  assert.equal(moneyWord({ ...paid, refunded: 400 }), 'goesBack')
  assert.equal(moneyWord({ ...paid, refunded: 1_000 }), 'isBack')
  assert.equal(moneyWord({ ...paid, bankHasMoney: true }), 'disputed')
})
