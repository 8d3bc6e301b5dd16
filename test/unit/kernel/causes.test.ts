// What an error was caused by is looked for to a bounded depth, whatever has been thrown.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withCauses } from '../../../src/kernel/causes.ts'

const wrapped = (depth: number): Error =>
  new Error(`${depth}`, depth === 0 ? {} : { cause: wrapped(depth - 1) })

test('an error comes first, then its causes, four in all', () => {
  assert.deepEqual(
    withCauses(wrapped(2)).map(({ message }) => message),
    ['2', '1', '0'],
  )
  assert.deepEqual(
    withCauses(wrapped(9)).map(({ message }) => message),
    ['9', '8', '7', '6'],
  )
})

test('an error that caused itself ends the search', () => {
  const error = new Error('round')
  error.cause = error
  assert.equal(withCauses(error).length, 4)
})

test('what is no error has none, and is none', () => {
  for (const thrown of [null, undefined, 'text', { message: 'like one' }]) {
    assert.deepEqual(withCauses(thrown), [])
  }
  assert.equal(withCauses(new Error('with', { cause: 'text' })).length, 1)
})
