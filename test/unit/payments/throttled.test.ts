// What a 429 of the provider does to the budget, under a virtual clock.
import assert from 'node:assert/strict'
import test from 'node:test'
import { assertWithin, localBudget } from '../../support/budget.ts'

/** The rate of an endpoint as it stands now: it is heard with each ask. */
async function rateOf({ budget, pass }: ReturnType<typeof localBudget>) {
  await pass(1)
  await budget.takeSome('refunds', 1)
  return budget.rate('refunds')
}

test('refusals of one moment lower the rate once, and it grows back', async () => {
  const world = localBudget()
  const { budget, pass, warnings } = world
  const before = await rateOf(world)
  for (let i = 0; i < 20; i++) budget.throttled('refunds', 'endpoint-rate')
  const lowered = await rateOf(world)
  assert.ok(Math.abs(lowered / before - 0.7) < 0.01, `${lowered} after ${before}`)
  assert.equal(warnings.length, 1)
  await pass(5_000)
  const later = await rateOf(world)
  assert.ok(later > lowered && later < before, `${later} after five seconds`)
  await pass(11_000)
  assert.equal(await rateOf(world), before)
})

test('a provider that goes on refusing is left a tenth of the limit', async () => {
  const world = localBudget()
  const before = await rateOf(world)
  for (let i = 0; i < 20; i++) {
    world.budget.throttled('refunds', null)
    await world.pass(1_000)
  }
  const lowest = await rateOf(world)
  assert.ok(lowest >= before * 0.1 && lowest < before * 0.15, `${lowest} after ${before}`)
  const early = world.grants.length
  for (let i = 0; i < 100; i++) void world.budget.take('refunds', { urgency: 'buyer', maxMs: 9e6 })
  await world.pass(60_000)
  assertWithin(25, world.grants)
  assert.equal(world.grants.length - early, 100)
})

test('a refusal of one endpoint leaves the others as they are; one of the account does not', async () => {
  const { budget, pass } = localBudget({ account: 30, endpoint: 25 })
  budget.throttled('refunds', 'endpoint-rate')
  await pass(1)
  await budget.takeSome('search', 1)
  const before = budget.rate('search')
  budget.throttled('refunds', 'global-rate')
  await pass(1)
  await budget.takeSome('search', 1)
  assert.ok(Math.abs(budget.rate('search') - (30 / 1.06) * 0.7) < 0.01)
  assert.ok(budget.rate('search') < before)
})

test('too many calls at once make everybody pause, and lower no rate', async () => {
  for (const [reason, elsewhere] of [
    ['global-concurrency', false],
    ['endpoint-concurrency', true],
  ] as const) {
    const { budget, pass, warnings } = localBudget()
    budget.throttled('refunds', reason)
    await pass(1)
    assert.equal((await budget.takeSome('refunds', 1)).granted, 0, reason)
    assert.equal((await budget.takeSome('search', 1)).granted === 1, elsewhere, reason)
    await pass(200)
    assert.equal((await budget.takeSome('refunds', 1)).granted, 1, reason)
    assert.ok(budget.rate('refunds') > 23)
    assert.deepEqual(warnings, [])
  }
})

test('a limit of one object says nothing of other calls', async () => {
  const world = localBudget()
  const before = await rateOf(world)
  world.budget.throttled('refunds', 'resource-specific')
  assert.equal(await rateOf(world), before)
  assert.deepEqual(world.warnings, [])
})
