// The budget of one process under a virtual clock: pace, order, shares and bounds.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Endpoint,
  type Urgency,
  unlimitedBudget,
} from '../../../src/payments/budget/budget.ts'
import { assertWithin, localBudget } from '../../support/budget.ts'

const long = { urgency: 'buyer', maxMs: 600_000 } as const

test('1,000 calls behind 25 a second use 94 % of the limit, and no second sees more than 25', async () => {
  const { budget, clock, grants, pass } = localBudget()
  const began = clock.now()
  const taken = Array.from({ length: 1_000 }, () => budget.take('payment_intents', long))
  while (grants.length < 1_000 && clock.now() - began < 60_000) await pass(100)
  assert.ok((await Promise.all(taken)).every((granted) => granted))
  assertWithin(25, grants)
  const tookMs = (grants.at(-1) as number) - began
  assert.ok(tookMs <= 42_500, `took ${tookMs} ms`)
})

test('the limit of the account counts the calls of all endpoints together', async () => {
  const { budget, grants, pass } = localBudget({ account: 40, endpoint: 25 })
  const endpoints: Endpoint[] = ['payment_intents', 'refunds', 'lists']
  for (const endpoint of endpoints) {
    for (let i = 0; i < 200; i++) void budget.take(endpoint, long)
  }
  await pass(5_300)
  assertWithin(40, grants)
  assert.ok(grants.length >= 195, `${grants.length} calls`)
})

test('an endpoint that is full holds up no other', async () => {
  const { budget, pass } = localBudget()
  for (let i = 0; i < 500; i++) void budget.take('payment_intents', long)
  await pass(2_000)
  assert.equal(await budget.take('search', { urgency: 'buyer', maxMs: 1 }), true)
})

test('a pause of any length is made up for by a few calls only', async () => {
  const { budget, clock } = localBudget()
  clock.advance(60_000)
  const { granted, againMs } = await budget.takeSome('lists', 25)
  assert.ok(granted >= 2 && granted <= 4, `${granted} calls`)
  assert.ok(againMs >= 1 && againMs <= 60)
})

test('a process that is late to ask uses its limit all the same', async () => {
  const { budget, grants, clock, pass } = localBudget()
  const began = clock.now()
  while (clock.now() - began < 20_000) {
    await budget.takeSome('lists', 1_000)
    await pass(90)
  }
  assertWithin(25, grants)
  assert.ok(grants.length >= 20 * 25 * 0.92, `${grants.length} calls`)
})

test('those who wait are served in their order, buyers first', async () => {
  const { budget, pass } = localBudget()
  const served: string[] = []
  const wait = async (urgency: Urgency, name: string) => {
    if (await budget.take('refunds', { urgency, maxMs: 60_000 })) served.push(name)
  }
  while ((await budget.takeSome('refunds', 1)).granted > 0);
  for (const i of [1, 2, 3]) void wait('background', `job ${i}`)
  for (const i of [1, 2, 3]) void wait('buyer', `buyer ${i}`)
  await pass(5_000)
  const buyers = served.filter((name) => name.startsWith('buyer'))
  const jobs = served.filter((name) => name.startsWith('job'))
  assert.deepEqual(buyers, ['buyer 1', 'buyer 2', 'buyer 3'])
  assert.deepEqual(jobs, ['job 1', 'job 2', 'job 3'])
  // One of the background is due from the start; no other comes before a buyer.
  assert.ok(served.indexOf('job 2') > served.indexOf('buyer 3'), served.join())
})

test('the background leaves a fifth to buyers, and gets a twentieth when they take everything', async () => {
  const { budget, pass, clock } = localBudget()
  let jobs = 0
  const work = async () => {
    while (await budget.take('refunds', { urgency: 'background', maxMs: 60_000 })) jobs += 1
  }
  for (let i = 0; i < 30; i++) void work()
  await pass(20_000)
  assert.ok(jobs >= 20 * 25 * 0.7 && jobs <= 20 * 25 * 0.8, `${jobs} calls without buyers`)
  const one = await budget.take('refunds', { urgency: 'buyer', maxMs: 1 })
  assert.equal(one, true, 'a buyer finds room at once')

  let buyers = 0
  const buy = async () => {
    while (await budget.take('refunds', { urgency: 'buyer', maxMs: 60_000 })) buyers += 1
  }
  for (let i = 0; i < 30; i++) void buy()
  await pass(2_000)
  jobs = 0
  buyers = 0
  const began = clock.now()
  await pass(40_000)
  const seconds = (clock.now() - began) / 1_000
  assert.ok(jobs >= 0.04 * seconds * 25, `${jobs} calls beside buyers`)
  assert.ok(jobs <= 0.06 * seconds * 25, `${jobs} calls beside buyers`)
  assert.ok(jobs + buyers >= 0.93 * seconds * 25, `${jobs} + ${buyers} calls`)
})

test('a call that finds no room in its time is told so, and takes nothing from those behind it', async () => {
  const { budget, grants, pass } = localBudget()
  while ((await budget.takeSome('lists', 1)).granted > 0);
  const early = grants.length
  const first = budget.take('lists', { urgency: 'buyer', maxMs: 1 })
  const second = budget.take('lists', { urgency: 'buyer', maxMs: 500 })
  await pass(600)
  assert.deepEqual(await Promise.all([first, second]), [false, true])
  assert.equal(grants.length - early, 1)
})

test('10,000 calls wait in one process, and one more is told at once that there is no room', async () => {
  const { budget } = localBudget()
  for (let i = 0; i < 10_000; i++) void budget.take('lists', long)
  assert.equal(await budget.take('search', long), false)
})

test('a buyer does not wait for the pause of the background', async () => {
  const { budget, pass } = localBudget()
  // What is left is enough for a buyer, and too little for the background.
  await budget.takeSome('lists', 1, 'background')
  await budget.takeSome('lists', 1)
  void budget.take('lists', { urgency: 'background', maxMs: 60_000 })
  await pass(1)
  assert.equal(await budget.take('lists', { urgency: 'buyer', maxMs: 1 }), true)
})

test('without limits nobody waits', async () => {
  assert.equal(unlimitedBudget.limited, false)
  assert.equal(await unlimitedBudget.take('search', { urgency: 'background', maxMs: 0 }), true)
  assert.deepEqual(await unlimitedBudget.takeSome('search', 7), { granted: 7, againMs: 1 })
  assert.equal(unlimitedBudget.rate('search'), Number.POSITIVE_INFINITY)
})

test('one limit may stand alone', async () => {
  for (const limits of [
    { account: 10, endpoint: 0 },
    { account: 0, endpoint: 10 },
  ]) {
    const { budget, grants, pass } = localBudget(limits)
    for (let i = 0; i < 100; i++) void budget.take('lists', long)
    await pass(5_300)
    assertWithin(10, grants)
    assert.ok(grants.length >= 48, `${grants.length} calls`)
  }
})
