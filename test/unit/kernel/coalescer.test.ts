// What is asked for while a run is under way goes together into the next one, within limits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Coalescer, type CoalescerOptions } from '../../../src/kernel/coalescer.ts'

function recorded(options: Partial<CoalescerOptions<number, number>> = {}) {
  const runs: { asks: readonly number[]; done: PromiseWithResolvers<readonly number[]> }[] = []
  const coalescer = new Coalescer<number, number>({
    run: (asks) => {
      const done = Promise.withResolvers<readonly number[]>()
      runs.push({ asks, done })
      return done.promise
    },
    batchMax: 10,
    waitingMax: 10,
    ...options,
  })
  const turn = async () => {
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
  return { runs, coalescer, turn }
}

test('those who ask in the same breath are answered by one run, each with its own answer', async () => {
  const { runs, coalescer, turn } = recorded()
  const answers = [1, 2, 3].map((n) => coalescer.ask(n))
  await turn()
  assert.deepEqual(
    runs.map(({ asks }) => asks),
    [[1, 2, 3]],
  )
  runs[0]?.done.resolve([10, 20, 30])
  assert.deepEqual(await Promise.all(answers), [10, 20, 30])
})

test('one run is under way at a time, and the next takes as many as it may', async () => {
  const { runs, coalescer, turn } = recorded({ batchMax: 2 })
  const first = coalescer.ask(1)
  await turn()
  const others = [2, 3, 4].map((n) => coalescer.ask(n))
  await turn()
  assert.equal(runs.length, 1)
  runs[0]?.done.resolve([1])
  await first
  await turn()
  assert.deepEqual(runs[1]?.asks, [2, 3])
  runs[1]?.done.resolve([2, 3])
  await turn()
  assert.deepEqual(runs[2]?.asks, [4])
  runs[2]?.done.resolve([4])
  assert.deepEqual(await Promise.all(others), [2, 3, 4])
  const again = coalescer.ask(5)
  await turn()
  runs[3]?.done.resolve([5])
  assert.equal(await again, 5)
})

test('a run that fails fails for those in it only', async () => {
  const { runs, coalescer, turn } = recorded()
  const first = coalescer.ask(1)
  await turn()
  const second = coalescer.ask(2)
  runs[0]?.done.reject(new Error('away'))
  await assert.rejects(first, /away/)
  await turn()
  runs[1]?.done.resolve([2])
  assert.equal(await second, 2)
})

test('too many who wait are turned away at once', async () => {
  const { runs, coalescer, turn } = recorded({ waitingMax: 2 })
  const first = coalescer.ask(1)
  await turn()
  const waiting = [coalescer.ask(2), coalescer.ask(3)]
  await assert.rejects(coalescer.ask(4), { code: 'overloaded' })
  runs[0]?.done.resolve([1])
  await first
  await turn()
  runs[1]?.done.resolve([2, 3])
  assert.deepEqual(await Promise.all(waiting), [2, 3])
})

test('a caller is told what the owner of the queue says when too many wait', async () => {
  const { coalescer } = recorded({ waitingMax: 0, overloaded: 'Send it again later.' })
  await assert.rejects(coalescer.ask(1), { code: 'overloaded', message: 'Send it again later.' })
})

test('in a crowd, runs overlap up to their number; before, they do not', async () => {
  const { runs, coalescer, turn } = recorded({ batchMax: 2, crowd: { waiting: 3, runsMax: 2 } })
  const answers = [coalescer.ask(1)]
  await turn()
  answers.push(coalescer.ask(2), coalescer.ask(3))
  await turn()
  assert.equal(runs.length, 1)
  answers.push(coalescer.ask(4), coalescer.ask(5), coalescer.ask(6), coalescer.ask(7))
  await turn()
  assert.deepEqual(
    runs.map(({ asks }) => asks),
    [[1], [2, 3]],
  )
  for (const run of [1, 0, 2, 3]) {
    runs[run]?.done.resolve(runs[run].asks)
    await turn()
  }
  assert.deepEqual(await Promise.all(answers), [1, 2, 3, 4, 5, 6, 7])
  void coalescer.ask(8)
  await turn()
  void coalescer.ask(9)
  await turn()
  assert.equal(runs.length, 5)
})

test('a run carries so many bytes at most, and one ask that is larger goes alone', async () => {
  const { runs, coalescer, turn } = recorded({ bytes: { max: 10, of: (ask) => ask } })
  const answers = [4, 6, 1, 25, 3].map((ask) => coalescer.ask(ask))
  for (const run of [0, 1, 2, 3]) {
    await turn()
    runs[run]?.done.resolve(runs[run].asks)
  }
  assert.deepEqual(await Promise.all(answers), [4, 6, 1, 25, 3])
  assert.deepEqual(
    runs.map(({ asks }) => asks),
    [[4, 6], [1], [25], [3]],
  )
})
