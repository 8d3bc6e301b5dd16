/** The command line of the bench: what it takes, and the one line it answers to what it does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchOptions, parseOptions, scenarioNames } from '../../../bench/ground/options.ts'
import { planRuns } from '../../../bench/plan.ts'
import { UsageError } from '../../../src/system/command-line.ts'

const parse = (...words: string[]) => parseOptions(words) as BenchOptions

test('no options mean all scenarios with the default parameters', () => {
  const options = parse()
  assert.deepEqual(
    [options.connections, options.durationSeconds, options.stock, options.scenarios],
    [64, 8, 50_000, [...scenarioNames]],
  )
  assert.equal(options.target, undefined)
  assert.equal(options.json, undefined)
})

test('lists are parsed, each name once and in the order of the plan', () => {
  const options = parse('--scenario', 'sold-out, hot-sku,hot-sku', '--strategy=pessimistic,actor')
  assert.deepEqual(options.scenarios, ['hot-sku', 'sold-out'])
  assert.deepEqual(options.strategies, ['actor', 'pessimistic'])
})

test('a target is reduced to its origin', () => {
  assert.equal(parse('--target', 'http://localhost:3000/').target, 'http://localhost:3000')
})

const wrong: [string, string[]][] = [
  ['--nonsense', ['--nonsense']],
  ['extra', ['extra']],
  ['--scenario', ['--scenario', 'cold-sku']],
  ['--strategy', ['--strategy', '']],
  ['--connections', ['--connections', '0']],
  ['--connections', ['--connections', '64x']],
  ['--duration', ['--duration', '0.5']],
  ['--duration', ['--duration']],
  ['--stock', ['--stock', '-5']],
  ['--stock', ['--stock', '200001']],
  ['--json', ['--json', '']],
  ['--target', ['--target', 'localhost:3000']],
  ['--target', ['--target', 'ftp://host']],
  ['--target', ['--target', 'http://host/path']],
]
for (const [named, words] of wrong) {
  test(`${words.join(' ')} is refused in one line that names ${named}`, () => {
    assert.throws(
      () => parseOptions(words),
      (error) =>
        error instanceof UsageError &&
        error.message.includes(named) &&
        !error.message.includes('\n'),
    )
  })
}

test('--help wins over everything but mistakes', () => {
  assert.equal(parseOptions(['--stock', '5', '--help']), 'help')
})

test('without named strategies the pessimistic one runs for comparison only', () => {
  assert.deepEqual(
    planRuns(parse()).map(({ strategy, scenarios }) => [strategy, scenarios.length]),
    [
      ['actor', scenarioNames.length],
      ['pessimistic', 1],
    ],
  )
  assert.deepEqual(planRuns(parse('--scenario', 'single')), [
    { strategy: 'actor', scenarios: ['single'] },
  ])
})

test('a named strategy runs every scenario that it can', () => {
  const [run, ...others] = planRuns(parse('--strategy', 'pessimistic'))
  assert.deepEqual(others, [])
  assert.deepEqual(run?.scenarios, [
    'baseline',
    'hot-sku',
    'sold-out',
    'paced',
    'single',
    'purchase',
    'multi-sku',
  ])
})

test('a target runs once, without what stops its worker or invents payments', () => {
  const runs = planRuns(parse('--target', 'http://localhost:3000'))
  assert.equal(runs.length, 1)
  assert.equal(runs[0]?.scenarios.includes('mailbox'), false)
  assert.equal(runs[0]?.scenarios.includes('webhook'), false)
})
