// How far a typed word may be from the one that was meant.
import assert from 'node:assert/strict'
import test from 'node:test'
import { closestWords, slipsBetween } from '../../../src/catalogue/meant-words.ts'

test('a letter added, left out, changed or swapped with its neighbour is one slip', () => {
  const cases = [
    ['shirt', 'shirt', 0],
    ['shirtt', 'shirt', 1],
    ['shrt', 'shirt', 1],
    ['shart', 'shirt', 1],
    ['shrit', 'shirt', 1],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
  ] as const
  for (const [one, other, slips] of cases) {
    assert.equal(slipsBetween(one, other), slips, `${one} ${other}`)
    assert.equal(slipsBetween(other, one), slips, `${other} ${one}`)
  }
})

test('only the closest words are meant, and only if they are close enough for their length', () => {
  assert.deepEqual(closestWords('hedphones', ['headphones', 'telephones', 'earphones']), [
    'headphones',
  ])
  assert.deepEqual(closestWords('hat', ['cat', 'bat', 'house']), ['cat', 'bat'])
  assert.deepEqual(closestWords('ab', ['ac']), [], 'two letters have to be right')
  assert.deepEqual(closestWords('mug', ['dog']), [])
  assert.deepEqual(closestWords('anything', []), [])
})
