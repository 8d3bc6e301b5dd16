// What the bank says of a payment, in whatever order it arrives.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type ConcernAge,
  isNewer,
  meaningOf,
  newsOf,
  owesAll,
} from '../../../src/flows/pay/money/decide-concern.ts'
import { type ConcernFacts, concernFactsOf } from '../../../src/payments/concern-facts.ts'
import type { ConcernEvent } from '../../../src/payments/event-types.ts'

/** The life of a dispute that began as a question, all said within four seconds: status, movements of money, second. */
const life: readonly (readonly [string, readonly number[], number])[] = [
  ['warning_needs_response', [], 1],
  ['warning_under_review', [], 1],
  ['needs_response', [], 2],
  ['needs_response', [-1_000], 2],
  ['under_review', [-1_000], 3],
  ['won', [-1_000], 4],
  ['won', [-1_000, 1_000], 4],
]

function disputeEvent(
  [status, moved, second]: (typeof life)[number],
  type = 'charge.dispute.updated',
): ConcernEvent {
  const object = {
    ...{ id: 'du_1', object: 'dispute', payment_intent: 'pi_1', amount: 1_000, currency: 'eur' },
    ...{ reason: 'fraudulent', status, created: 1, evidence_details: { due_by: 1_000_000 } },
    balance_transactions: moved.map((amount) => ({ amount })),
  }
  const event = { id: 'evt_1', object: 'event', type, created: second, data: { object } }
  return JSON.parse(JSON.stringify(event))
}

function told(...from: Parameters<typeof disputeEvent>): ConcernFacts {
  const facts = concernFactsOf(disputeEvent(...from))
  assert.ok(facts)
  return facts
}

const ageOf = (facts: ConcernFacts): ConcernAge => ({ ...facts, ...meaningOf(facts, false) })

test('a dispute ends in the same state in whatever order its events come, and however often', () => {
  const all = life.map((each) => told(each))
  const arrivals = fc.array(fc.constantFrom(...all), { maxLength: 20 }).map((some) => [...some])
  fc.assert(
    fc.property(arrivals, fc.nat(), (some, place) => {
      const newest = all.at(-1) as ConcernFacts
      const coming = some.toSpliced(place % (some.length + 1), 0, newest)
      const kept = coming.reduce((known, next) =>
        isNewer(ageOf(next), ageOf(known)) ? next : known,
      )
      assert.equal(kept, newest)
    }),
  )
})

test('a lost dispute that is appealed follows the appeal, by the time at which it was said', () => {
  const words = ['lost', 'appeal_needs_response', 'appeal_under_review', 'won'] as const
  const all = words.map((status, i) => told([status, [-1_000], i + 1]))
  for (const [i, later] of all.entries()) {
    for (const earlier of all.slice(0, i)) {
      assert.ok(isNewer(ageOf(later), ageOf(earlier)))
      assert.ok(!isNewer(ageOf(earlier), ageOf(later)))
    }
  }
})

const meanings: readonly [string, readonly number[], string, boolean, boolean, boolean][] = [
  // open, the bank has the money, shipping stops
  ['warning_needs_response', [], 'charge.dispute.created', true, false, true],
  ['warning_closed', [], 'charge.dispute.closed', false, false, false],
  ['needs_response', [-1_000], 'charge.dispute.created', true, true, true],
  ['needs_response', [], 'charge.dispute.created', true, false, true],
  ['needs_response', [], 'charge.dispute.funds_withdrawn', true, true, true],
  ['under_review', [-1_000], 'charge.dispute.updated', true, true, true],
  ['lost', [], 'charge.dispute.closed', false, true, true],
  ['won', [-1_000], 'charge.dispute.closed', false, false, false],
  ['won', [-1_000, 1_000], 'charge.dispute.funds_reinstated', false, false, false],
  ['prevented', [], 'charge.dispute.closed', false, false, false],
  ['a_word_of_next_year', [-1_000], 'charge.dispute.updated', true, true, true],
]
for (const [status, moved, type, open, tookMoney, stopsShipping] of meanings) {
  test(`${type} with ${status} and ${moved.length} movements: what goes out, and what is refunded`, () => {
    const { stage: _, ...meaning } = meaningOf(told([status, moved, 1], type), false)
    assert.deepEqual(meaning, { open, tookMoney, stopsShipping })
  })
}

test('a warning stops the goods until it is settled or an administrator clears it, for good', () => {
  const warning = { kind: 'warning', moneyGone: false } as const
  const of = (status: string, cleared: boolean) => meaningOf({ ...warning, status }, cleared)
  assert.equal(of('actionable', false).stopsShipping, true)
  assert.equal(of('actionable', true).stopsShipping, false)
  assert.equal(of('not_actionable', false).stopsShipping, false)
})

test('people are told when a question of the bank opens, and again when it becomes a dispute', () => {
  const news = life.map((each) => newsOf('dispute', meaningOf(told(each), false)))
  assert.deepEqual(news, [
    ...['inquiry', 'inquiry', 'dispute', 'dispute', 'dispute'],
    ...[null, null],
  ])
})

test('after a dispute is won, only what was given up is owed', () => {
  const states = ['cancelled', 'payment_failed', 'expired', 'paid', 'shipped', 'refunded'] as const
  assert.deepEqual(
    states.map((state) => owesAll(state, false)),
    [true, true, true, false, false, false],
  )
  assert.equal(owesAll('expired', true), false)
  assert.equal(owesAll(null, false), false)
})

test('an event that cannot be read says nothing', () => {
  const good = disputeEvent(['lost', [], 1])
  const object: object = good.data.object
  const broken = [
    { ...good, created: undefined },
    { ...good, data: undefined },
    { ...good, data: { object: null } },
    { ...good, data: { object: { ...object, amount: 'much' } } },
    { ...good, data: { object: { ...object, status: null } } },
    { ...good, type: 'review.closed' },
    { ...good, type: 'radar.early_fraud_warning.created' },
  ]
  for (const each of broken) assert.equal(concernFactsOf(each as ConcernEvent), null)
  const expanded = { ...good, data: { object: { ...object, payment_intent: { id: 'pi_2' } } } }
  assert.equal(concernFactsOf(expanded as ConcernEvent)?.intentId, 'pi_2')
})
