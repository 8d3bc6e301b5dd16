// The whole stock protocol on one thread under a virtual clock: a thousand seeds, a thousand stories, and in each of them
// every guarantee holds. SEED=17 npm test -- test/simulation/simulation.test.ts tells one story in full.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { coverageOf } from './coverage.ts'
import type { Mutants } from './mutants.ts'
import { type Telling, type Told, tell, tellTogether } from './tell.ts'

const seeds = 1_000
/** Moments of rare verbs at which no seed has a caller die, at most. */
const missingMax = 5

const only = process.env.SEED === undefined ? null : Number(process.env.SEED)
const skip = only === null ? false : 'one seed is told'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

function failure({ seed, breaches, text }: Told): string {
  const replay = `SEED=${seed} npm test -- test/simulation/simulation.test.ts`
  return `seed ${seed}: ${breaches.join('; ')}\nreplay: ${replay}\n${text}`
}

/** Tells them; fails with the first story in which a guarantee was broken. */
async function hold(t: TestContext, telling: Telling): Promise<Told[]> {
  const before = process.cpuUsage()
  const told = await tellTogether(telling)
  const { user, system } = process.cpuUsage(before)
  // The machine may be busy with others: CPU time, and nothing is asserted about it.
  t.diagnostic(`${((user + system) / 1_000_000).toFixed(1)} s of CPU`)
  const failed = told.find(({ breaches }) => breaches.length > 0)
  if (failed) assert.fail(failure(failed))
  assert.equal(told.length, telling.seeds.length)
  return told
}

test(`${seeds} seeds: whatever happens, the guarantees hold`, { skip }, async (t) => {
  const told = await hold(t, { seeds: upTo(seeds) })
  const { lines, missing } = coverageOf(told.flatMap(({ ambushed }) => ambushed))
  for (const line of lines) t.diagnostic(line)
  t.diagnostic(`nobody died: ${missing.join(', ')}`)
  assert.ok(missing.length <= missingMax, `nobody died ${missing.join(', ')}`)
})

test('locks that say yes to everybody: the guarantees hold all the same', { skip }, async (t) => {
  await hold(t, { seeds: upTo(200), changed: { locksHold: false } })
})

test('the story of a seed', { skip: only === null && 'SEED names one' }, async (t) => {
  const [told] = await tell({ seeds: [only ?? 0], notes: Number.POSITIVE_INFINITY })
  assert.ok(told)
  for (const line of told.text.split('\n')) t.diagnostic(line)
  assert.deepEqual(told.breaches, [], failure({ ...told, text: 'its story is above' }))
})

test('the same seed has the same story, byte for byte', { skip }, async () => {
  const telling = { seeds: [1, 2, 3, 42, 99], notes: Number.POSITIVE_INFINITY }
  const [first, again] = [await tell(telling), await tell(telling)]
  for (const { text } of first) assert.ok(text.split('\n').length > 100)
  assert.deepEqual(again, first)
})

test('without the fence, a good share of the same seeds fails', { skip }, async (t) => {
  const changed = { mutants: { noFence: true } }
  const told = await tellTogether({ seeds: upTo(200), changed, toTheEnd: true })
  const failed = told.filter(({ breaches }) => breaches.length > 0)
  t.diagnostic(`${failed.length} of ${told.length} seeds fail`)
  assert.ok(failed.length > told.length / 5, `only ${failed.length} of ${told.length} seeds fail`)
})

/** Broken rules, each with a seed that has found it. When stories change, another one is looked for. */
const mutants: Readonly<Record<keyof Mutants, number>> = {
  noFence: 2,
  settleAdds: 1,
  runIdsUncompared: 560,
  noTombstones: 20,
  yesterdayForgotten: 21,
  countsKept: 1,
  gapsUnseen: 736,
  commandsTakeNothing: 3,
  keysShared: 21,
  limitsUnchecked: 517,
  commandsReopened: 2,
  closedMailboxesEmpty: 4,
}

for (const [mutant, hint] of Object.entries(mutants)) {
  test(`the judge notices the mutant ${mutant}`, { skip }, async (t) => {
    const changed = { mutants: { [mutant]: true } }
    const found = (await tell({ seeds: [hint, ...upTo(seeds)], changed })).at(-1)
    assert.ok(found && found.breaches.length > 0, `none of ${seeds} seeds finds ${mutant}`)
    t.diagnostic(`seed ${found.seed}: ${found.breaches[0]}`)
  })
}
