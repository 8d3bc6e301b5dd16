// The money on one thread under a virtual clock, with a provider that does all that Stripe does: a thousand seeds, and in
// each of them the guarantees hold. SEED=7 npm test -- test/simulation/money/money.test.ts tells one story in full.
import assert from 'node:assert/strict'
import test from 'node:test'
import { coverageOf } from '../coverage.ts'
import type { MoneyMutants } from './money-mutants.ts'
import { moneyVerbs } from './money-plan.ts'
import { type MoneyTold, tellMoney, tellMoneyTogether } from './tell-money.ts'

const seeds = 1_000
/** Moments of rare verbs at which no seed has a caller die, at most. */
const missingMax = 3

const only = process.env.SEED === undefined ? null : Number(process.env.SEED)
const skip = only === null ? false : 'one seed is told'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

function failure({ seed, breaches, text }: MoneyTold): string {
  const replay = `SEED=${seed} npm test -- test/simulation/money/money.test.ts`
  return `seed ${seed}: ${breaches.join('; ')}\nreplay: ${replay}\n${text}`
}

test(`${seeds} seeds of money: whatever happens, the guarantees hold`, { skip }, async (t) => {
  const before = process.cpuUsage()
  const told = await tellMoneyTogether({ seeds: upTo(seeds) })
  const { user, system } = process.cpuUsage(before)
  // The machine may be busy with others: CPU time, and nothing is asserted about it.
  t.diagnostic(`${((user + system) / 1_000_000).toFixed(1)} s of CPU`)
  const failed = told.find(({ breaches }) => breaches.length > 0)
  if (failed) assert.fail(failure(failed))
  assert.equal(told.length, seeds)
  const ambushed = told.flatMap((each) => each.ambushed)
  const { lines, missing } = coverageOf(ambushed, moneyVerbs)
  for (const line of lines) t.diagnostic(line)
  t.diagnostic(`nobody died: ${missing.join(', ')}`)
  assert.ok(missing.length <= missingMax, `nobody died ${missing.join(', ')}`)
})

test('the story of a seed of money', { skip: only === null && 'SEED names one' }, async (t) => {
  const [told] = await tellMoney({ seeds: [only ?? 0], notes: Number.POSITIVE_INFINITY })
  assert.ok(told)
  for (const line of told.text.split('\n')) t.diagnostic(line)
  assert.deepEqual(told.breaches, [], failure({ ...told, text: 'its story is above' }))
})

test('the same seed of money has the same story, byte for byte', { skip }, async () => {
  const telling = { seeds: [1, 2, 3, 42, 99], notes: Number.POSITIVE_INFINITY }
  const [first, again] = [await tellMoney(telling), await tellMoney(telling)]
  for (const { text } of first) assert.ok(text.split('\n').length > 50)
  assert.deepEqual(again, first)
})

/** Broken rules, each with a seed that has found it. When stories change, another one is looked for. */
const mutants: Readonly<Record<keyof MoneyMutants, number>> = {
  sweepIgnoresLeases: 1,
  leasedTaken: 1,
  leasesUnkept: 53,
  anyIntentCaptured: 183,
  beginsTwice: 1,
  reclaimsTrusted: 537,
  keysUnburnt: 11,
  busyIsAway: 6,
  looksAreBlind: 55,
  oneKeyForAll: 5,
  declinesBelieved: 84,
  answersForgotten: 1,
  refundsAskedAnew: 7,
  othersIgnored: 8,
  failuresForgotten: 8,
  returnsWhole: 70,
  anotherIntent: 5,
  lastCardCredited: 54,
}

for (const [mutant, hint] of Object.entries(mutants)) {
  test(`the judge of money notices the mutant ${mutant}`, { skip }, async (t) => {
    const changed = { mutants: { [mutant]: true } }
    const found = (await tellMoney({ seeds: [hint, ...upTo(3 * seeds)], ...changed })).at(-1)
    assert.ok(found && found.breaches.length > 0, `none of ${3 * seeds} seeds finds ${mutant}`)
    t.diagnostic(`seed ${found.seed}: ${found.breaches[0]}`)
  })
}
