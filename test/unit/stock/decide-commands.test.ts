// What each command does to a SKU and its holds, in time, too early, too late and twice: pure calls, no
// stores.
import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { decide } from '../../../src/stock/decide/decide.ts'
import { poolKey, type SkuState } from '../../../src/stock/decide/state.ts'
import {
  aCommand,
  aReserve,
  aState,
  entriesAfter,
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

  test('of one unit of three leaves two sold, and no unit comes back twice', () => {
    const state = aState(5, { free: 2, sold: 3 })
    const hold = holdOf(aReserve({ units: 3, terms: limitedTerms(3) }), 'sold')
    const { checkoutId } = hold
    const one = aCommand('return', { checkoutId, units: 1 })
    const decision = decide(state, entriesAfter(state, [one]), openEvidence([one], [hold]))
    assert.deepEqual(units(decision.after), [5, 3, 0, 0, 2])
    assert.deepEqual(
      decision.moved.map(({ units: left, state: now }) => [left, now]),
      [[2, 'sold']],
    )
    assert.deepEqual([...decision.shadow], [[hold.buyerId, 1]])
    const [many, all] = [
      aCommand('return', { checkoutId, units: 9 }),
      aCommand('return', { checkoutId }),
    ]
    const rest = decide(
      state,
      entriesAfter(state, [one], [many], [all]),
      openEvidence([one, many, all], [hold]),
    )
    assert.deepEqual(units(rest.after), [5, 5, 0, 0, 0])
    assert.deepEqual(outcomesOf(rest), ['returned', 'returned', 'already returned'])
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

  test('counts what the same batch has granted to the buyer', () => {
    const state = aState(9)
    const first = aReserve({ units: 2, terms })
    const second = aReserve({ units: 2, terms, buyerId: first.buyerId })
    const release = aCommand('release', { checkoutId: first.checkoutId })
    const late = aCommand('reclaim', { checkoutId: first.checkoutId, units: 2 })
    const decision = decide(
      state,
      entriesAfter(state, [first], [release], [second], [late]),
      openEvidence([release, late]),
    )
    assert.deepEqual(outcomesOf(decision), ['released', 'over the limit'])
  })

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
  test('above what a ledger row can count changes nothing, and holds up nobody after it', () => {
    const state = aState(1_999_999_999)
    const restock = aCommand('restock', { units: 2 })
    const decision = decide(
      state,
      entriesAfter(state, [restock], [aReserve()]),
      openEvidence([restock]),
    )
    assert.deepEqual(units(decision.after), [1_999_999_999, 1_999_999_998, 0, 1, 0])
    assert.deepEqual(outcomesOf(decision), ['too many units'])
  })

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

test('a command that needs a checkout and names none is closed, and changes nothing', () => {
  const state = aState(5)
  const sell = aCommand('sell')
  const decision = decide(state, entriesAfter(state, [sell]), openEvidence([sell]))
  assert.deepEqual(decision.closed, [{ id: sell.id, outcome: 'names no checkout' }])
  assert.deepEqual(decision.moved, [])
})
