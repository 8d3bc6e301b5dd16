/** Budgets for calls to the payment provider, under the clock of a test. */
import assert from 'node:assert/strict'
import { seededRandom } from '../../src/kernel/random.ts'
import type { RequestLimits } from '../../src/payments/budget/budget.ts'
import { slowDown, takeCalls } from '../../src/payments/budget/budget-scripts.ts'
import { LocalRoom } from '../../src/payments/budget/local-room.ts'
import { PacedBudget } from '../../src/payments/budget/paced-budget.ts'
import type { Granted, Room } from '../../src/payments/budget/room.ts'
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { setRedisTime, timeByTest } from './redis-time.ts'

/** Calls a second that an account and an endpoint of Stripe have. */
export const usualLimits: RequestLimits = { account: 100, endpoint: 25 }

/** A room that notes when it granted what. */
export function noted(room: Room): { readonly room: Room; readonly grants: number[] } {
  const grants: number[] = []
  const note = (granted: Granted) => {
    for (let i = 0; i < granted.buyers + granted.background; i++) grants.push(granted.at)
    return granted
  }
  return {
    grants,
    room: {
      ask: async (endpoint, wanted, who) => note(await room.ask(endpoint, wanted, who)),
      slowDown: (endpoint, refusal) => room.slowDown(endpoint, refusal),
    },
  }
}

/** A budget of one process alone. */
export function localBudget(limits: RequestLimits = usualLimits) {
  const clock = manualClock()
  const warnings: string[] = []
  const log = { warn: (_facts: unknown, text: string) => void warnings.push(text) }
  const { room, grants } = noted(new LocalRoom(clock, limits))
  const budget = new PacedBudget({ room, limits, clock, log, id: 'one' })
  return { clock, budget, room, grants, warnings, pass: (ms: number) => pass(clock, ms) }
}

/** Lets `ms` milliseconds pass, a few at a time: who sleeps for one wakes late, as in a busy process. */
export async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 8) {
    clock.advance(Math.min(8, left))
    await clock.turn()
  }
}

/** Makes the scripts of the budget take their time from the test. */
export async function budgetTime(redis: RedisClient, ms: number): Promise<void> {
  timeByTest(redis, [takeCalls.contract, slowDown.contract])
  await setRedisTime(redis, ms)
}

/** At most `limit` calls in any second, also when each comes up to 30 ms early or late. */
export function assertWithin(limit: number, grants: readonly number[]): void {
  const random = seededRandom(grants.length)
  const late = grants.map((at) => at + random.whole(-30, 30))
  // The worst that can happen on the way to the busiest second.
  const worst = fullest(grants, 1_060)
  assert.ok(worst <= limit, `${worst} calls within 1,060 ms, and ${limit} are allowed`)
  const seen = fullest(late, 1_000)
  assert.ok(seen <= limit, `${seen} calls within a second, and ${limit} are allowed`)
}

/** The most of these times that lie within `ms`, the end left out. */
function fullest(times: readonly number[], ms: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  let first = 0
  return sorted.reduce((most, at, i) => {
    while (at - (sorted[first] as number) >= ms) first += 1
    return Math.max(most, i - first + 1)
  }, 0)
}
