/** Every script of lua/stock on a real Redis: once on a single server, once on a cluster. */
import { test } from 'node:test'
import { openTestRedis } from '../../../support/gate.ts'
import { admissions } from './admit-suite.ts'
import { building, commands, settlements } from './owner-suite.ts'

/** Registers the suite for a single server or a cluster. */
export function testScripts(cluster: boolean): void {
  test(`the stock scripts on ${cluster ? 'a cluster' : 'one server'}`, async (t) => {
    const { redis } = await openTestRedis(t, cluster)
    for (const [name, run] of Object.entries({
      ...admissions,
      ...settlements,
      ...commands,
      ...building,
    })) {
      await t.test(name, async (t) => {
        // The run ids and generations of one test are not for the next: SKUs share partitions.
        await redis.flushall()
        await run(t, redis)
      })
    }
  })
}
