// The life of an order: forwards one step at a time, never out of an end, and moved by those only who may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  before,
  canMove,
  checkMove,
  leastAdvanced,
  lineMoves,
  moves,
} from '../../../src/orders/order-state.ts'
import {
  checkoutWord,
  lineWord,
  orderStates,
  orderWord,
  orderWords,
  outcomes,
} from '../../../src/orders/order-words.ts'

const follows = (from: string) =>
  new Set(moves.flatMap((each) => (each.from === from ? [each.to] : [])))

test('an order is paid for and goes forwards one step at a time, moved by its sellers', () => {
  const path = ['paid', 'processing', 'shipped', 'delivered'] as const
  for (const [i, from] of path.entries()) {
    for (const [j, to] of path.entries()) {
      assert.equal(canMove('seller', from, to), j === i + 1, `${from} to ${to}`)
      assert.equal(lineMoves.canMove(from, to), j === i + 1, `a line, ${from} to ${to}`)
    }
  }
})

test('a buyer can cancel until the order is shipped', () => {
  assert.deepEqual(before('buyer', 'cancelled'), [
    'assembling',
    'reserved',
    'paying',
    'paid',
    'processing',
  ])
  assert.throws(
    () => checkMove('buyer', 'shipped', 'cancelled'),
    /that is shipped cannot become cancelled/,
  )
  assert.throws(() => checkMove('buyer', 'payment_failed', 'cancelled'), /that is cancelled cannot/)
})

test('what is rejected or sold out stays so, what is delivered may be refunded, and only the bank revives what was refunded', () => {
  const ends = orderStates.filter((state) => follows(state).size === 0)
  // Nobody waits in a line yet.
  assert.deepEqual(ends, ['waiting', 'rejected', 'sold_out'])
  const revive = moves.filter(({ from }) => from === 'refunded').map(({ by }) => by)
  assert.deepEqual(new Set(revive), new Set(['bank']))
})

test('only late money pays for an order that has ended, and only for an expired one; the bank restores a paid one', () => {
  const paid = moves.filter(({ to }) => to === 'paid').map(({ by, from }) => `${by}: ${from}`)
  assert.deepEqual(paid, [
    'payment: reserved',
    'payment: paying',
    'late money: expired',
    'bank: refunded',
  ])
})

test('a checkout has an outcome from its end on, and it is written once', () => {
  const live = ['assembling', 'waiting', 'reserved', 'paying']
  for (const { by, from, to, outcome } of moves) {
    const move = `${by}: ${from} to ${to}`
    const ends = (from === null || live.includes(from)) && !live.includes(to)
    if (by === 'late money') assert.equal(outcome, 'confirmed', move)
    else assert.equal(outcome !== undefined, ends, move)
    if (live.includes(to)) assert.equal(outcome, undefined, move)
  }
})

test('nobody moves an order for whom the table has no line', () => {
  assert.throws(() => before('seller', 'paid'), /seller moves no order to paid/)
})

test('each state and outcome has its words', () => {
  const shown = orderStates.map((state) => [state, orderWord(state), checkoutWord(state, null)])
  assert.deepEqual(Object.fromEntries(shown.map(([state, word]) => [state, word])), {
    assembling: null,
    waiting: null,
    reserved: 'awaiting_payment',
    paying: 'awaiting_payment',
    paid: 'paid',
    processing: 'processing',
    shipped: 'shipped',
    delivered: 'delivered',
    expired: 'expired',
    cancelled: 'cancelled',
    payment_failed: 'cancelled',
    refunded: 'refunded',
    rejected: null,
    sold_out: null,
  })
  assert.equal(checkoutWord('assembling', null), 'queued')
  assert.equal(checkoutWord('paying', null), 'paying')
  for (const outcome of outcomes) assert.equal(checkoutWord('refunded', outcome), outcome)
})

const kept = { cancelled: false, returned: false }

test('a line follows its order until its seller moves it, and again when the order ends', () => {
  assert.equal(lineWord('paying', null, null, kept), 'awaiting_payment')
  assert.equal(lineWord('paid', 'confirmed', null, kept), 'paid')
  assert.equal(lineWord('paid', 'confirmed', 'shipped', kept), 'shipped')
  assert.equal(lineWord('cancelled', 'confirmed', 'processing', kept), 'cancelled')
  assert.equal(lineWord('payment_failed', 'payment_failed', null, kept), 'cancelled')
  assert.equal(
    lineWord('refunded', 'confirmed', 'processing', { ...kept, cancelled: true }),
    'cancelled',
  )
  assert.equal(lineWord('refunded', 'expired', null, kept), 'expired')
  assert.ok(orderWords.includes(lineWord('delivered', 'confirmed', 'delivered', kept)))
})

test('money that went back makes no line cancelled that nobody cancelled, and what was sent stays so', () => {
  assert.equal(lineWord('refunded', 'confirmed', 'processing', kept), 'refunded')
  assert.equal(lineWord('refunded', 'confirmed', 'delivered', kept), 'delivered')
  const returned = { ...kept, returned: true }
  assert.equal(lineWord('processing', 'confirmed', null, returned), 'refunded')
  assert.equal(lineWord('shipped', 'confirmed', 'shipped', returned), 'shipped')
})

test('an order is as far as the line that is least advanced', () => {
  assert.equal(leastAdvanced(['delivered', 'processing', 'shipped']), 'processing')
  assert.equal(leastAdvanced(['shipped', 'paid']), 'paid')
  assert.equal(leastAdvanced(['delivered']), 'delivered')
  assert.throws(() => leastAdvanced(['cancelled', 'paid']))
})
