/** What background jobs need in a test: a pool, quick retries, and a queue on a Redis of its own. */
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { writesRelayedRows } from '../../src/jobs/hints.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { openPool, type PoolOptions, sql } from '../../src/platform/postgres/pool.ts'
import { WorkHints } from '../../src/platform/queue/work-hints.ts'
import { openRedis } from '../../src/platform/redis/client.ts'
import type { RetryPolicy } from '../../src/platform/retries.ts'
import { createTestDatabase, createTestRedis } from './stores.ts'

export const silent = pino({ level: 'silent' })

/** Parks after the third failure, and tries again at once. */
export const quickRetries: RetryPolicy = { attemptsMax: 3, baseMs: 0, maxMs: 0 }

/** A pool on a database of the test's own. */
export async function testPool(t: TestContext, over: Partial<PoolOptions> = {}) {
  const pool = await openPool(await createTestDatabase(t), {
    max: 8,
    statementTimeoutMs: 5_000,
    onError: () => {},
    ...over,
  })
  t.after(() => pool.end())
  return pool
}

/** The parts that open queues, and take turns, on a Redis of the test's own. */
export async function testQueues(t: TestContext) {
  const server = await createTestRedis(t)
  const redis = openRedis(server.url, 'patient', () => {})
  t.after(() => redis.disconnect())
  return {
    redis,
    server,
    deps: {
      redis,
      hints: new WorkHints({ clock: systemClock, writes: writesRelayedRows }),
      connect: () => openRedis(server.url, 'jobs', () => {}),
      clock: systemClock,
      log: silent,
    },
  }
}

/** Rows whose next try is put off are due now. */
export const dueNow = sql.typeAlias('none')`
  with events as (update webhook_events set due_at = now() where state = 'stored')
  update outbox set due_at = now() where done_at is null and parked_at is null`
