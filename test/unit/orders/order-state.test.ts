// The life of an order: forwards one step at a time, and never out of an end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastAdvanced, orderMoves } from '../../../src/orders/order-state.ts'

test('an order goes forwards one step at a time', () => {
  const path = ['awaiting_payment', 'paid', 'processing', 'shipped', 'delivered'] as const
  for (const [i, from] of path.entries()) {
    for (const [j, to] of path.entries()) {
      assert.equal(orderMoves.canMove(from, to), j === i + 1, `${from} to ${to}`)
    }
  }
})

test('an order can be cancelled until it is shipped', () => {
  const cancellable = orderMoves.states.filter((from) => orderMoves.canMove(from, 'cancelled'))
  assert.deepEqual(cancellable, ['awaiting_payment', 'paid', 'processing'])
})

test('what is delivered or refunded stays so', () => {
  const ends = orderMoves.states.filter((status) => orderMoves.terminal(status))
  assert.deepEqual(ends, ['delivered', 'refunded'])
})

test('an order is as far as the line that is least advanced', () => {
  assert.equal(leastAdvanced(['delivered', 'processing', 'shipped']), 'processing')
  assert.equal(leastAdvanced(['shipped', 'paid']), 'paid')
  assert.equal(leastAdvanced(['delivered']), 'delivered')
  assert.throws(() => leastAdvanced(['cancelled', 'paid']))
})
