/** Bars are held against default runs only, and a run shows what it did not measure by leaving it out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromLoad, type ScenarioResult } from '../../../bench/ground/results.ts'
import { Tally } from '../../../bench/load/tally.ts'
import { judgeBars, outcomeOf } from '../../../bench/report/bars.ts'
import { summarise } from '../../../bench/report/summary.ts'
import { baselineSpread } from '../../../bench/strategy-run.ts'

const parameters = {
  connections: 64,
  durationSeconds: 8,
  stock: 50_000,
  target: null,
  profiled: false,
}

function aResult(changes: Partial<ScenarioResult>): ScenarioResult {
  return {
    ...fromLoad(new Tally().result(), 64),
    scenario: 'hot-sku',
    strategy: 'actor',
    baselineRequestsPerSecond: 20_000,
    steady: true,
    promises: 'kept',
    breaches: [],
    ...changes,
  }
}

test('a ratio on its bar is met, below it is not', () => {
  const at = (committedPerSecond: number) =>
    judgeBars({ parameters, results: [aResult({ committedPerSecond })] })[0]
  assert.equal(at(8_000)?.met, true)
  assert.equal(at(7_999)?.met, false)
  assert.equal(at(8_000)?.value, '0.40')
})

test('the comparison of strategies needs both', () => {
  const actor = aResult({ committedPerSecond: 8_000 })
  const pessimistic = aResult({ strategy: 'pessimistic', committedPerSecond: 700 })
  const measures = (results: ScenarioResult[]) =>
    judgeBars({ parameters, results }).filter(({ measure }) => measure.includes('pessimistic'))
  assert.equal(measures([actor]).length, 0)
  assert.deepEqual(
    measures([actor, pessimistic]).map(({ value, met }) => [value, met]),
    [['11.4', true]],
  )
})

test('one stranded unit, in either direction, breaks the bar', () => {
  for (const undersold of [1, -1]) {
    const stock = { initial: 9, free: 0, held: 9, sold: 0, oversold: 0, undersold }
    const bar = judgeBars({ parameters, results: [aResult({ stock })] }).find(({ measure }) =>
      measure.includes('undersold'),
    )
    assert.equal(bar?.met, false)
  }
})

test('other parameters, or a server of somebody else’s, have no bars', () => {
  const results = [aResult({ committedPerSecond: 8_000 })]
  assert.equal(judgeBars({ parameters: { ...parameters, stock: 500 }, results }).length, 0)
  assert.equal(judgeBars({ parameters: { ...parameters, target: 'http://x' }, results }).length, 0)
})

test('a bar over unsteady baselines is neither met nor missed', () => {
  for (const committedPerSecond of [1_000, 19_000]) {
    const results = [aResult({ committedPerSecond, steady: false })]
    const [bar] = judgeBars({ parameters, results })
    assert.equal(bar && outcomeOf(bar), 'unsteady')
  }
})

test('a run under a profiler has no bars', () => {
  const results = [aResult({ committedPerSecond: 8_000 })]
  assert.equal(judgeBars({ parameters: { ...parameters, profiled: true }, results }).length, 0)
})

test('baselines that differ by more than a fifth are reported', () => {
  assert.deepEqual(baselineSpread(20_000, 23_900), [])
  assert.match(baselineSpread(43_000, 8_000)[0] ?? '', /UNSTEADY: 43000 .* before, 8000 after/)
})

test('the summary shows accepted and refused apart, every breach, and a note of several scenarios once', () => {
  const machine = {
    cpus: 2,
    cpu: '',
    memoryMb: 1,
    node: '24',
    redis: '7',
    postgres: '18',
    busyBefore: 0,
  }
  const results = [
    aResult({ accepted: 1234, refused: 5678, promises: 'broken', breaches: ['2 units oversold'] }),
    aResult({ scenario: 'sold-out', notes: ['not checked: a thing'] }),
    aResult({ scenario: 'paced', notes: ['not checked: a thing'] }),
  ]
  const text = summarise({ machine, startedAt: '', parameters, results, failure: null }, [])
  assert.match(text, /1,234 +5,678/)
  assert.match(text, /BROKEN: 2 units oversold/)
  assert.doesNotMatch(text, /6,912/)
  assert.match(text, /^ {2}sold-out \(actor\), paced \(actor\): not checked: a thing$/m)
})
