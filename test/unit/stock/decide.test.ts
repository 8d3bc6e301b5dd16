// What a batch does to a SKU, branch by branch: pure calls, no stores. The numbers of each case are small
// enough to be checked by hand.
import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { decide } from '../../../src/stock/decide/decide.ts'
import { keyOf, noEvidence, poolKey, type SkuState } from '../../../src/stock/decide/state.ts'
import {
  aReserve,
  aState,
  entriesAfter,
  evidenceOf,
  limitedTerms,
  reasonsOf,
} from '../../support/stock-builders.ts'

const units = ({ onHand, free, setAside, held, sold }: SkuState) => [
  onHand,
  free,
  setAside,
  held,
  sold,
]

describe('a reserve', () => {
  test('moves units from free to held and the cursor with them', () => {
    const state = aState(10, { cursor: 4, granted: 7 })
    const reserves = [aReserve({ units: 2 }), aReserve({ units: 3 })]
    const { before, after, reserved, rejected } = decide(
      state,
      entriesAfter(state, reserves),
      noEvidence,
    )
    assert.equal(before, state)
    assert.deepEqual(units(after), [10, 5, 0, 5, 0])
    assert.deepEqual([after.cursor, after.granted], [5, 12])
    assert.deepEqual(reserved, reserves)
    assert.deepEqual(rejected, [])
  })

  test('without free units is rejected, and the rest of its batch is not', () => {
    const state = aState(3)
    const [big, small, tooMuch] = [
      aReserve({ units: 2 }),
      aReserve({ units: 1 }),
      aReserve({ units: 1 }),
    ]
    const decision = decide(state, entriesAfter(state, [big, small, tooMuch]), noEvidence)
    assert.deepEqual(decision.reserved, [big, small])
    assert.deepEqual(reasonsOf(decision), ['units'])
    assert.deepEqual(units(decision.after), [3, 0, 0, 3, 0])
  })

  test('never takes units that are set aside', () => {
    const state = aState(3, { free: 1, setAside: 2 })
    const decision = decide(state, entriesAfter(state, [aReserve({ units: 2 })]), noEvidence)
    assert.deepEqual(reasonsOf(decision), ['units'])
  })

  test('loses to a checkout of an earlier batch that has its key, and names it', () => {
    const state = aState(5)
    const reserve = aReserve({ key: 'k' })
    const evidence = evidenceOf({ keys: new Map([[keyOf(reserve.buyerId, 'k'), 'the-winner']]) })
    const decision = decide(state, entriesAfter(state, [reserve]), evidence)
    assert.deepEqual(decision.rejected, [
      { reserve, reason: 'duplicate', duplicateOf: 'the-winner' },
    ])
    assert.equal(decision.after.free, 5)
  })

  test('loses to a checkout of the same batch that has its key, and names it', () => {
    const state = aState(5)
    const first = aReserve({ key: 'k' })
    const second = aReserve({ key: 'k', buyerId: first.buyerId })
    const decision = decide(state, entriesAfter(state, [first], [second]), noEvidence)
    assert.deepEqual(decision.reserved, [first])
    assert.equal(decision.rejected[0]?.duplicateOf, first.checkoutId)
  })

  test('has its key to itself: another buyer may use the same words', () => {
    const state = aState(5)
    const decision = decide(
      state,
      entriesAfter(state, [aReserve({ key: 'k' }), aReserve({ key: 'k' })]),
      noEvidence,
    )
    assert.equal(decision.reserved.length, 2)
  })

  test('over the limit is rejected with what was counted before and in the batch', () => {
    const state = aState(10)
    const terms = limitedTerms(3)
    const known = aReserve({ terms, units: 1 })
    const again = aReserve({ terms, units: 1, buyerId: known.buyerId })
    const over = aReserve({ terms, units: 1, buyerId: known.buyerId })
    const evidence = evidenceOf({
      units: new Map([[poolKey('pool-1', known.buyerId), { units: 1, limit: 3 }]]),
    })
    const decision = decide(state, entriesAfter(state, [known, again], [over]), evidence)
    assert.deepEqual(decision.reserved, [known, again])
    assert.deepEqual(reasonsOf(decision), ['limit'])
    assert.equal(decision.buyerUnits.get(poolKey('pool-1', known.buyerId))?.delta, 2)
    assert.deepEqual([...decision.shadow], [[known.buyerId, 1]])
  })

  test('that was cancelled before it was committed is voided by the tombstone', () => {
    const state = aState(5)
    const reserve = aReserve()
    const evidence = evidenceOf({ checkouts: new Set([reserve.checkoutId]) })
    const decision = decide(state, entriesAfter(state, [reserve]), evidence)
    assert.deepEqual(reasonsOf(decision), ['cancelled'])
    assert.equal(decision.after.free, 5)
  })

  test('of a part is not voided by the row of its own checkout', () => {
    const state = aState(5)
    const part = aReserve({ key: null })
    const evidence = evidenceOf({ checkouts: new Set([part.checkoutId]) })
    const decision = decide(state, entriesAfter(state, [part]), evidence)
    assert.deepEqual(decision.reserved, [part])
  })

  test('that was rejected is not granted by a second message of the same batch', () => {
    const state = aState(1)
    const reserve = aReserve({ units: 2 })
    const again = { ...reserve, units: 1 }
    const decision = decide(state, entriesAfter(state, [reserve], [again]), noEvidence)
    assert.deepEqual(reasonsOf(decision), ['units', 'cancelled'])
  })

  test('that is rejected gives its buyer count back at the gate only where there is a limit', () => {
    const state = aState(0)
    const free = decide(state, entriesAfter(state, [aReserve()]), noEvidence)
    assert.equal(free.shadow.size, 0)
    const reserve = aReserve({ terms: limitedTerms(2), units: 2 })
    const limited = decide(state, entriesAfter(state, [reserve]), noEvidence)
    assert.deepEqual([...limited.shadow], [[reserve.buyerId, 2]])
    assert.equal(limited.buyerUnits.size, 0)
  })
})

describe('entries that do not follow the cursor are refused', () => {
  const state = aState(5, { generation: 2, cursor: 7 })
  const [next] = entriesAfter(state, [aReserve()])
  assert.ok(next)
  for (const [name, entries] of [
    ['a gap', [{ ...next, seq: 9 }]],
    ['a replay', [{ ...next, seq: 7 }]],
    ['a gap within the batch', [next, { ...next, seq: 10 }]],
    ['an older generation', [{ ...next, generation: 1 }]],
    ['a newer generation', [{ ...next, generation: 3 }]],
  ] as const) {
    test(name, () => {
      assert.throws(() => decide(state, entries, noEvidence), { name: 'AssertionError' })
    })
  }
})

test('a state that does not balance is not written', () => {
  const state = aState(5, { free: 4 })
  assert.throws(
    () => decide(state, entriesAfter(state, [aReserve()]), noEvidence),
    /do not balance/,
  )
})

test('no entries change nothing', () => {
  const state = aState(5)
  assert.deepEqual(decide(state, [], noEvidence).after, state)
})
