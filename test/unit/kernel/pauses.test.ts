import assert from 'node:assert/strict'
import test from 'node:test'
import { Pauses } from '../../../src/kernel/pauses.ts'

function pauses(forgiven?: number) {
  let now = 1_000
  const deps = { monotonic: () => now, random: () => 1 }
  const lengths = { baseMs: 10, maxMs: 100, ...(forgiven === undefined ? {} : { forgiven }) }
  return {
    pauses: new Pauses<string>(deps, lengths),
    wait: (ms: number) => {
      now += ms
    },
  }
}

test('each failure is followed by a longer pause, up to the bound', () => {
  const { pauses: pausing, wait } = pauses()
  for (const ms of [20, 40, 80, 100, 100]) {
    pausing.fail('a')
    wait(ms - 1)
    assert.equal(pausing.pauses('a'), true, `${ms}`)
    wait(1)
    assert.equal(pausing.pauses('a'), false, `${ms}`)
  }
})

test('keys do not know each other, and what is forgotten begins anew', () => {
  const { pauses: pausing } = pauses()
  assert.deepEqual([pausing.fail('a'), pausing.fail('a'), pausing.fail('b')], [1, 2, 1])
  assert.equal(pausing.pauses('c'), false)
  pausing.forget('a')
  assert.equal(pausing.pauses('a'), false)
  assert.deepEqual(pausing.failed, ['b'])
  assert.equal(pausing.fail('a'), 1)
})

test('failures that are forgiven cost no pause', () => {
  const { pauses: pausing } = pauses(1)
  pausing.fail('a')
  assert.equal(pausing.pauses('a'), false)
  assert.deepEqual(pausing.failed, ['a'])
  pausing.fail('a')
  assert.equal(pausing.pauses('a'), true)
})
