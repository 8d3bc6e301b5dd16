// One budget for several processes, on a real Redis: whose time is the test's own, where time matters.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { systemClock } from '../../../../src/kernel/clock.ts'
import type { CallBudget, RequestLimits } from '../../../../src/payments/budget/budget.ts'
import { endpoints } from '../../../../src/payments/budget/budget.ts'
import { openBudget, PacedBudget } from '../../../../src/payments/budget/paced-budget.ts'
import { budgetKeys, RedisRoom } from '../../../../src/payments/budget/redis-room.ts'
import { openRedis, type RedisClient } from '../../../../src/platform/redis/client.ts'
import { assertWithin, budgetTime, noted, usualLimits } from '../../../support/budget.ts'
import { eventually } from '../../../support/eventually.ts'
import { openTestRedis } from '../../../support/gate.ts'
import { type ManualClock, manualClock } from '../../../support/manual-clock.ts'
import { setRedisTime } from '../../../support/redis-time.ts'

const quiet = { warn: () => {}, info: () => {} }
const waits = { urgency: 'buyer', maxMs: 600_000 } as const

/** Processes with connections of their own; they and Redis share the clock of the test. */
async function processes(t: TestContext, count: number, limits: RequestLimits = usualLimits) {
  const { server } = await openTestRedis(t)
  const clock = manualClock()
  const connections: RedisClient[] = []
  const all: { readonly budget: PacedBudget; readonly grants: readonly number[] }[] = []
  for (let i = 0; i < count; i++) {
    const redis = openRedis(server.url, 'gate', () => {})
    t.after(() => redis.disconnect())
    connections.push(redis)
    await eventually(() => redis.ping())
    await budgetTime(redis, clock.now())
    const own = noted(new RedisRoom(redis, limits))
    const budget = new PacedBudget({ room: own.room, limits, clock, log: quiet, id: `p${i}` })
    all.push({ budget, grants: own.grants })
  }
  const redis = connections[0] as RedisClient
  return {
    redis,
    clock,
    budgets: all.map(({ budget }) => budget),
    grantsOf: all.map((each) => each.grants),
    grants: () => all.flatMap((each) => each.grants),
    pass: (ms: number) => passTogether(clock, connections, ms),
  }
}

/** Time passes, and whoever asks is answered before it goes on. */
async function passTogether(clock: ManualClock, connections: readonly RedisClient[], ms: number) {
  for (let left = ms; left > 0; left -= 12) {
    clock.advance(Math.min(12, left))
    await setRedisTime(connections[0] as RedisClient, clock.now())
    // Each connection answers in order: once it has, what was asked before has been answered too.
    for (let turns = 0; turns < 2; turns++) {
      await clock.turn()
      await Promise.all(connections.map((each) => each.ping()))
    }
  }
}

const waitFor = (budget: CallBudget, calls: number, endpoint = 'refunds' as const) =>
  Array.from({ length: calls }, () => budget.take(endpoint, waits))

test('three processes together keep to the limit, use it, and are served alike', async (t) => {
  const { budgets, grants, grantsOf, pass } = await processes(t, 3)
  const taken = budgets.flatMap((budget) => waitFor(budget, 60))
  await pass(5_300)
  assertWithin(25, grants())
  assert.ok(grants().length >= 125, `${grants().length} calls in 5.3 s`)
  const each = grantsOf.map((own) => own.length)
  assert.ok(Math.max(...each) - Math.min(...each) <= 6, `they got ${each.join(', ')}`)
  await pass(3_000)
  assert.ok((await Promise.all(taken)).every((granted) => granted))
  assertWithin(25, grants())
})

test('a process that comes later gets its share, and one that goes away leaves its own', async (t) => {
  const { budgets, grantsOf, pass } = await processes(t, 2)
  const [first, second] = budgets as [PacedBudget, PacedBudget]
  void waitFor(first, 500)
  await pass(2_000)
  assert.ok((grantsOf[0]?.length ?? 0) >= 45, 'alone')
  const before = grantsOf[0]?.length ?? 0
  // It asks once, and is never heard of again.
  await second.takeSome('refunds', 100)
  await pass(2_000)
  assert.ok((grantsOf[0]?.length ?? 0) - before >= 43, 'nobody waits for it')
  void waitFor(second, 20)
  await pass(1_900)
  assert.ok((grantsOf[1]?.length ?? 0) >= 19, 'half of what there is')
})

test('background work of one process leaves room to buyers of another, and does not starve', async (t) => {
  const { budgets, grantsOf, pass } = await processes(t, 2)
  const [api, worker] = budgets as [PacedBudget, PacedBudget]
  for (let i = 0; i < 100; i++) {
    void worker.take('refunds', { urgency: 'background', maxMs: 600_000 })
  }
  await pass(2_000)
  assert.equal((await api.takeSome('refunds', 1)).granted, 1, 'a buyer finds room at once')
  void waitFor(api, 1_000)
  await pass(2_000)
  const before = grantsOf[1]?.length ?? 0
  await pass(10_000)
  const got = (grantsOf[1]?.length ?? 0) - before
  assert.ok(got >= 9 && got <= 14, `${got} of 236 calls`)
})

test('a refusal that one process hears slows all of them down, and passes', async (t) => {
  const { budgets, grants, pass } = await processes(t, 2)
  const [first, second] = budgets as [PacedBudget, PacedBudget]
  for (let i = 0; i < 20; i++) first.throttled('refunds', 'endpoint-rate')
  await pass(7)
  await second.takeSome('refunds', 1)
  const lowered = second.rate('refunds')
  assert.ok(lowered > 0.69 * 23.5 && lowered < 0.71 * 23.6, `${lowered} calls a second`)
  await second.takeSome('search', 1)
  assert.ok(second.rate('search') > 23.5, 'other endpoints stay as they are')
  first.throttled('refunds', 'endpoint-concurrency')
  await pass(7)
  assert.equal((await second.takeSome('refunds', 1)).granted, 0, 'a pause for everybody')
  const early = grants().length
  void waitFor(first, 100)
  await pass(2_200)
  const slowly = grants().length - early
  assert.ok(slowly >= 30 && slowly <= 40, `${slowly} calls in two seconds`)
  await pass(14_000)
  await second.takeSome('refunds', 1)
  assert.ok(second.rate('refunds') > 23.5)
  assertWithin(25, grants().slice(2))
})

for (const cluster of [false, true]) {
  test(`the scripts run on ${cluster ? 'a cluster' : 'one server'}, and all keys expire`, async (t) => {
    const { redis } = await openTestRedis(t, cluster)
    const room = new RedisRoom(redis, usualLimits)
    for (const endpoint of endpoints) {
      const { buyers } = await room.ask(endpoint, { buyers: 1, background: 0 }, 'one')
      assert.equal(buyers, 1)
    }
    for (const endpoint of endpoints) {
      await room.ask(endpoint, { buyers: 99, background: 1 }, 'two')
      await room.slowDown(endpoint, { of: 'endpoint', how: 'lower' })
      await room.slowDown(endpoint, { of: 'account', how: 'pause' })
      for (const key of Object.values(budgetKeys(endpoint))) {
        const left = await redis.pttl(key)
        assert.ok(left > 0 && left <= 120_000, `${key}: ${left}`)
      }
    }
  })
}

const rubbish: Readonly<Record<string, (redis: RedisClient, key: string) => Promise<unknown>>> = {
  'a text': (redis, key) => redis.set(key, 'rubbish'),
  'a set': (redis, key) => redis.sadd(key, 'a', 'b'),
  'no numbers': async (redis, key) => {
    const log = key.endsWith(':log')
    if (log) return redis.rpush(key, ...Array.from({ length: 40 }, () => 'nan'))
    const fields = ['dueAt', 'rate', 'rateAt', 'loweredAt', 'pausedUntil', 'backAt', 'owedUntil']
    return redis.hset(key, Object.fromEntries(fields.map((field) => [field, 'nan'])))
  },
  'a far future': async (redis, key) => {
    const log = key.endsWith(':log')
    if (log) return redis.rpush(key, ...Array.from({ length: 40 }, () => 9e15))
    const fields = ['dueAt', 'rate', 'rateAt', 'loweredAt', 'pausedUntil', 'backAt', 'owedUntil']
    return redis.hset(key, Object.fromEntries(fields.map((field) => [field, 9e15])))
  },
}

test('rubbish in a key is thrown away, and calls go on at the pace of the limit', async (t) => {
  const { redis, budgets, grants, pass } = await processes(t, 1)
  const [budget] = budgets as [PacedBudget]
  for (const [what, write] of Object.entries(rubbish)) {
    const before = grants().length
    for (const key of Object.values(budgetKeys('refunds'))) {
      await redis.del(key)
      await write(redis, key)
    }
    budget.throttled('refunds', 'global-concurrency')
    await pass(210)
    const early = grants().length
    const taken = waitFor(budget, 60)
    await pass(2_600)
    assert.ok(
      (await Promise.all(taken)).every((granted) => granted),
      what,
    )
    assert.equal(grants().length - before, 60, what)
    assertWithin(25, grants().slice(early))
    await pass(1_100)
  }
})

test('by the clock of Redis, two processes never exceed the limit in a second', async (t) => {
  const { server } = await openTestRedis(t)
  const limits = { account: 100, endpoint: 40 }
  const both = await Promise.all(
    ['one', 'two'].map(async (id) => {
      const redis = openRedis(server.url, 'gate', () => {})
      t.after(() => redis.disconnect())
      await eventually(() => redis.ping())
      const own = noted(new RedisRoom(redis, limits))
      const deps = { room: own.room, limits, clock: systemClock, log: quiet, id }
      return { budget: new PacedBudget(deps), grants: own.grants }
    }),
  )
  const taken = await Promise.all(both.flatMap(({ budget }) => waitFor(budget, 30)))
  assert.ok(taken.every((granted) => granted))
  const grants = both.flatMap((each) => each.grants)
  assert.equal(grants.length, 60)
  assertWithin(40, grants)
})

test('while Redis is down, each process makes its own share of calls', async (t) => {
  const { server, redis } = await openTestRedis(t)
  const said: string[] = []
  const log = {
    warn: (_facts: unknown, text: string) => void said.push(text),
    info: (text: string) => void said.push(text),
  }
  const budget = openBudget(usualLimits, { redis, clock: systemClock, log, id: 'one' })
  const soon = { urgency: 'buyer', maxMs: 20_000 } as const
  assert.equal(await budget.take('refunds', soon), true)
  assert.ok(budget.rate('refunds') > 23)
  await server.kill('SIGKILL')
  assert.equal(await budget.take('refunds', soon), true)
  assert.equal(await budget.take('refunds', soon), true)
  assert.ok(budget.rate('refunds') < 6)
  budget.throttled('refunds', 'endpoint-rate')
  assert.equal(said.filter((text) => text.startsWith('Redis')).length, 1)
  await server.restart()
  await eventually(async () => {
    await budget.take('search', soon)
    return budget.rate('search') > 23
  })
  assert.equal(said.filter((text) => text.startsWith('Redis')).length, 2)
})

test('a Redis that has frozen holds up nobody', async (t) => {
  const { server, redis } = await openTestRedis(t)
  const budget = openBudget(usualLimits, { redis, clock: systemClock, log: quiet, id: 'one' })
  const soon = { urgency: 'buyer', maxMs: 20_000 } as const
  assert.equal(await budget.take('refunds', soon), true)
  await server.kill('SIGSTOP')
  assert.equal(await budget.take('refunds', soon), true)
  assert.ok(budget.rate('refunds') < 6)
  await server.kill('SIGCONT')
  await eventually(async () => {
    await budget.take('search', soon)
    return budget.rate('search') > 23
  })
})
