// The budget is written twice, in Lua for all processes and in TypeScript for a process alone. Whatever is asked
// and refused whenever, both grant the same, and never more than the limit. FC_RUNS sets how many runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Endpoint, endpoints } from '../../src/payments/budget/budget.ts'
import { LocalRoom } from '../../src/payments/budget/local-room.ts'
import { RedisRoom } from '../../src/payments/budget/redis-room.ts'
import type { Refusal } from '../../src/payments/budget/room.ts'
import { assertWithin, budgetTime } from '../support/budget.ts'
import { openTestRedis } from '../support/gate.ts'
import { manualClock } from '../support/manual-clock.ts'
import { setRedisTime } from '../support/redis-time.ts'

const runs = Number(process.env.FC_RUNS ?? 60)

const passing = fc.oneof(
  fc.integer({ min: 0, max: 60 }),
  fc.integer({ min: 0, max: 2_000 }),
  fc.integer({ min: 0, max: 60_000 }),
)
const endpoint = fc.constantFrom(...endpoints.slice(0, 2))
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ endpoint, buyers: fc.nat(40), background: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      endpoint,
      of: fc.constantFrom<Refusal['of']>('account', 'endpoint'),
      how: fc.constantFrom<Refusal['how']>('lower', 'pause'),
    }),
  },
)
const limits = fc
  .record({ account: fc.nat(120), endpoint: fc.nat(30) })
  .filter(({ account, endpoint }) => account + endpoint > 0)

test('Redis grants what a process would grant itself, and never more than the limits', async (t) => {
  const { redis } = await openTestRedis(t)
  const story = fc.array(fc.tuple(passing, step), { minLength: 1, maxLength: 60 })
  const property = fc.asyncProperty(limits, story, async (limits, steps) => {
    await redis.flushall()
    const clock = manualClock()
    await budgetTime(redis, clock.now())
    const shared = new RedisRoom(redis, limits)
    const own = new LocalRoom(clock, limits)
    const all: number[] = []
    const at = new Map<Endpoint, number[]>()
    for (const [ms, what] of steps) {
      clock.advance(ms)
      await setRedisTime(redis, clock.now())
      if ('how' in what) {
        if (limits[what.of] === 0) continue
        const lowered = await shared.slowDown(what.endpoint, what)
        const ownRate = await own.slowDown(what.endpoint, what)
        assert.equal(lowered === null, ownRate === null)
        assert.ok(Math.abs((lowered ?? 0) - (ownRate ?? 0)) < 0.01)
        continue
      }
      const granted = await shared.ask(what.endpoint, what, 'one')
      assert.deepEqual(granted, await own.ask(what.endpoint, what))
      const calls = new Array<number>(granted.buyers + granted.background).fill(granted.at)
      all.push(...calls)
      at.set(what.endpoint, [...(at.get(what.endpoint) ?? []), ...calls])
    }
    if (limits.account > 0) assertWithin(limits.account, all)
    if (limits.endpoint > 0) for (const grants of at.values()) assertWithin(limits.endpoint, grants)
  })
  await fc.assert(property, { numRuns: runs })
})
