// Answers that are shared, how old they get, and what becomes of failures.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Fresh } from '../../../src/kernel/fresh.ts'
import { manualClock } from '../../support/manual-clock.ts'

function setUp() {
  const clock = manualClock()
  const fresh = new Fresh<number>({ clock, ms: 1_000, max: 3 })
  let made = 0
  return { clock, fresh, make: async () => ++made, made: () => made }
}

test('all who ask while an answer is made, or soon after, get the same one', async () => {
  const { clock, fresh, make, made } = setUp()
  assert.deepEqual(await Promise.all([fresh.get('a', make), fresh.get('a', make)]), [1, 1])
  clock.advance(999)
  assert.equal(await fresh.get('a', make), 1)
  assert.equal(await fresh.get('b', make), 2)
  clock.advance(1)
  assert.equal(await fresh.get('a', make), 3)
  assert.equal(made(), 3)
})

test('a costly answer is given out while the next is made, for a bounded time', async () => {
  const { clock, fresh } = setUp()
  let made = 0
  const slow = async () => {
    clock.advance(100)
    return ++made
  }
  assert.equal(await fresh.get('a', slow), 1)
  clock.advance(1_500)
  assert.equal(await fresh.get('a', slow), 1, 'the old one, while the next is made')
  assert.equal(await fresh.get('a', slow), 2)
  clock.advance(10_000)
  assert.equal(await fresh.get('a', slow), 3, 'too old')
})

test('a failure is told and forgotten', async () => {
  const { fresh, make } = setUp()
  await assert.rejects(
    fresh.get('a', () => Promise.reject(new Error('away'))),
    /away/,
  )
  assert.equal(await fresh.get('a', make), 1)
})

test('no more is remembered than the bound', async () => {
  const { fresh, make, made } = setUp()
  for (const key of ['a', 'b', 'c', 'd', 'a']) await fresh.get(key, make)
  assert.equal(made(), 5)
})
