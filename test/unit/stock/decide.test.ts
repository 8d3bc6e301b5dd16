// What a batch does to a SKU, branch by branch: pure calls, no stores. The numbers of each case are small
// enough to be checked by hand.
import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { decide, keyOf, noEvidence, poolKey, type SkuState } from '../../../src/stock/decide.ts'
import {
  aCommand,
  aReserve,
  aState,
  entriesAfter,
  evidenceOf,
  holdOf,
  limitedTerms,
  openEvidence,
  outcomesOf,
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

describe('a release', () => {
  test('gives held units back once, however often it is posted', () => {
    const state = aState(5, { free: 3, held: 2 })
    const hold = holdOf(aReserve({ units: 2, terms: limitedTerms(2) }))
    const release = aCommand('release', { checkoutId: hold.checkoutId })
    const decision = decide(
      state,
      entriesAfter(state, [release], [release], [release]),
      openEvidence([release], [hold]),
    )
    assert.deepEqual(units(decision.after), [5, 5, 0, 0, 0])
    assert.deepEqual(outcomesOf(decision), ['released'])
    assert.deepEqual([...decision.shadow], [[hold.buyerId, 2]])
    assert.equal(decision.buyerUnits.get(poolKey('pool-1', hold.buyerId))?.delta, -2)
    assert.equal(decision.after.cursor, 3)
  })

  test('that is closed already changes nothing', () => {
    const state = aState(5, { free: 3, held: 2 })
    const hold = holdOf(aReserve({ units: 2 }))
    const release = aCommand('release', { checkoutId: hold.checkoutId })
    const decision = decide(state, entriesAfter(state, [release]), openEvidence([], [hold]))
    assert.deepEqual(units(decision.after), units(state))
    assert.deepEqual(decision.closed, [])
    assert.deepEqual(decision.moved, [])
  })

  for (const [name, together] of [
    ['in the same entry', true],
    ['in a later entry of the batch', false],
  ] as const) {
    test(`that comes before its reserve leaves a tombstone that voids it ${name}`, () => {
      const state = aState(5)
      const part = aReserve({ key: null })
      const release = aCommand('release', { checkoutId: part.checkoutId })
      const lists = together ? [[release, part]] : [[release], [part]]
      const decision = decide(state, entriesAfter(state, ...lists), openEvidence([release]))
      assert.deepEqual(outcomesOf(decision), ['voided'])
      assert.deepEqual(reasonsOf(decision), ['cancelled'])
      assert.equal(decision.moved[0]?.state, 'void')
      assert.deepEqual(units(decision.after), units(state))
    })
  }

  test('that came in an earlier batch voids the reserve', () => {
    const state = aState(5)
    const part = aReserve({ key: null })
    const evidence = openEvidence([], [holdOf(part, 'void')])
    const decision = decide(state, entriesAfter(state, [part]), evidence)
    assert.deepEqual(reasonsOf(decision), ['cancelled'])
  })

  test('of a hold that the same batch made gives its units back', () => {
    const state = aState(5)
    const part = aReserve({ key: null, units: 3, terms: limitedTerms(3) })
    const release = aCommand('release', { checkoutId: part.checkoutId })
    const decision = decide(state, entriesAfter(state, [part], [release]), openEvidence([release]))
    assert.deepEqual(units(decision.after), units(state))
    assert.deepEqual(decision.reserved, [part])
    assert.equal(decision.moved[0]?.state, 'released')
    assert.equal(decision.buyerUnits.get(poolKey('pool-1', part.buyerId))?.delta, 0)
  })

  for (const ended of ['sold', 'released', 'returned', 'void'] as const) {
    test(`of a hold that is ${ended} changes nothing and is closed`, () => {
      const state = aState(5, { free: 3, sold: 2 })
      const hold = holdOf(aReserve({ units: 2 }), ended)
      const release = aCommand('release', { checkoutId: hold.checkoutId })
      const decision = decide(
        state,
        entriesAfter(state, [release]),
        openEvidence([release], [hold]),
      )
      assert.deepEqual(units(decision.after), units(state))
      assert.deepEqual(outcomesOf(decision), [`already ${ended}`])
    })
  }
})

describe('a sale of what is held', () => {
  test('moves held to sold once and keeps the buyer counted', () => {
    const state = aState(5, { free: 3, held: 2 })
    const hold = holdOf(aReserve({ units: 2, terms: limitedTerms(2) }))
    const sell = aCommand('sell', { checkoutId: hold.checkoutId })
    const decision = decide(state, entriesAfter(state, [sell, sell]), openEvidence([sell], [hold]))
    assert.deepEqual(units(decision.after), [5, 3, 0, 0, 2])
    assert.deepEqual(outcomesOf(decision), ['sold'])
    assert.equal(decision.buyerUnits.size, 0)
    assert.equal(decision.shadow.size, 0)
  })

  test('after the hold was released sells nothing', () => {
    const state = aState(5, { free: 3, held: 2 })
    const hold = holdOf(aReserve({ units: 2 }))
    const [release, sell] = [
      aCommand('release', { checkoutId: hold.checkoutId }),
      aCommand('sell', { checkoutId: hold.checkoutId }),
    ]
    const decision = decide(
      state,
      entriesAfter(state, [release], [sell]),
      openEvidence([release, sell], [hold]),
    )
    assert.deepEqual(units(decision.after), [5, 5, 0, 0, 0])
    assert.deepEqual(outcomesOf(decision), ['released', 'already released'])
  })

  test('without a hold is closed as such', () => {
    const state = aState(5)
    const sell = aCommand('sell', { checkoutId: aReserve().checkoutId })
    const decision = decide(state, entriesAfter(state, [sell]), openEvidence([sell]))
    assert.deepEqual(outcomesOf(decision), ['no hold'])
    assert.deepEqual(decision.moved, [])
  })
})

describe('a return', () => {
  test('of what is sold makes it free and uncounted', () => {
    const state = aState(5, { free: 3, sold: 2 })
    const hold = holdOf(aReserve({ units: 2, terms: limitedTerms(2) }), 'sold')
    const back = aCommand('return', { checkoutId: hold.checkoutId })
    const decision = decide(state, entriesAfter(state, [back]), openEvidence([back], [hold]))
    assert.deepEqual(units(decision.after), [5, 5, 0, 0, 0])
    assert.deepEqual(outcomesOf(decision), ['returned'])
    assert.deepEqual([...decision.shadow], [[hold.buyerId, 2]])
  })

  test('that overtook its sell leaves nothing sold', () => {
    const state = aState(5, { free: 3, held: 2 })
    const hold = holdOf(aReserve({ units: 2 }))
    const back = aCommand('return', { checkoutId: hold.checkoutId })
    const sell = aCommand('sell', { checkoutId: hold.checkoutId })
    const decision = decide(
      state,
      entriesAfter(state, [back], [sell]),
      openEvidence([back, sell], [hold]),
    )
    assert.deepEqual(outcomesOf(decision), ['returned', 'already returned'])
    assert.deepEqual(units(decision.after), [5, 5, 0, 0, 0])
  })
})

describe('a reclaim', () => {
  const terms = limitedTerms(2)
  const hold = holdOf(aReserve({ units: 2, terms }), 'released')
  const reclaim = aCommand('reclaim', { checkoutId: hold.checkoutId, units: 2 })
  const counted = (units: number) => ({
    units: new Map([[poolKey('pool-1', hold.buyerId), { units, limit: 2 }]]),
  })

  test('sells free units to a hold that was given back, once', () => {
    const state = aState(5)
    const decision = decide(
      state,
      entriesAfter(state, [reclaim], [reclaim]),
      openEvidence([reclaim], [hold], counted(0)),
    )
    assert.deepEqual(units(decision.after), [5, 3, 0, 0, 2])
    assert.deepEqual(outcomesOf(decision), ['sold'])
    assert.equal(decision.buyerUnits.get(poolKey('pool-1', hold.buyerId))?.delta, 2)
    assert.deepEqual([...decision.shadow], [[hold.buyerId, -2]])
  })

  for (const [name, free, already, outcome] of [
    ['without enough free units', 1, 0, 'not enough free units'],
    ['by a buyer who has bought again meanwhile', 5, 1, 'over the limit'],
  ] as const) {
    test(`${name} sells nothing`, () => {
      const state = aState(free)
      const decision = decide(
        state,
        entriesAfter(state, [reclaim]),
        openEvidence([reclaim], [hold], counted(already)),
      )
      assert.deepEqual(units(decision.after), units(state))
      assert.deepEqual(outcomesOf(decision), [outcome])
    })
  }

  test('that overtook its release sells the hold', () => {
    const state = aState(5, { free: 3, held: 2 })
    const release = aCommand('release', { checkoutId: hold.checkoutId })
    const decision = decide(
      state,
      entriesAfter(state, [reclaim], [release]),
      openEvidence([reclaim, release], [{ ...hold, state: 'held' }], counted(2)),
    )
    assert.deepEqual(outcomesOf(decision), ['sold', 'already sold'])
    assert.deepEqual(units(decision.after), [5, 3, 0, 0, 2])
  })
})

describe('a restock', () => {
  test('adds to on hand and free once', () => {
    const state = aState(5, { free: 3, held: 2 })
    const restock = aCommand('restock', { units: 4 })
    const decision = decide(
      state,
      entriesAfter(state, [restock], [restock]),
      openEvidence([restock]),
    )
    assert.deepEqual(units(decision.after), [9, 7, 0, 2, 0])
    assert.deepEqual(outcomesOf(decision), ['restocked'])
  })

  test('downwards takes free units only', () => {
    const state = aState(5, { free: 3, held: 2 })
    const [fits, tooMuch] = [aCommand('restock', { units: -2 }), aCommand('restock', { units: -2 })]
    const decision = decide(
      state,
      entriesAfter(state, [fits], [tooMuch]),
      openEvidence([fits, tooMuch]),
    )
    assert.deepEqual(units(decision.after), [3, 1, 0, 2, 0])
    assert.deepEqual(outcomesOf(decision), ['restocked', 'not enough free units'])
  })

  test('is there for the reserve behind it', () => {
    const state = aState(0)
    const restock = aCommand('restock', { units: 1 })
    const decision = decide(
      state,
      entriesAfter(state, [restock], [aReserve()]),
      openEvidence([restock]),
    )
    assert.equal(decision.reserved.length, 1)
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

test('a command that needs a checkout and names none is an error of ours', () => {
  const state = aState(5)
  const sell = aCommand('sell')
  assert.throws(() => decide(state, entriesAfter(state, [sell]), openEvidence([sell])), {
    name: 'AssertionError',
  })
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
