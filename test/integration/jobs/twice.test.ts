// A stalled job runs twice, also at once: every job handler run twice has one effect.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { pgMoneyStore } from '../../../src/flows/pay/money/pg-money-store.ts'
import { forgetOld, rejectAssemblies } from '../../../src/jobs/schedule.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { RedisGates } from '../../../src/stock/gate/redis-gates.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { testPool, testQueues } from '../../support/background.ts'
import { countCheckouts } from '../../support/purchases/count.ts'
import { newCheckouts, writeAssemblies, writeReserved } from '../../support/purchases/write.ts'

const runSixTimes = async (job: () => Promise<unknown>) => {
  await Promise.all([1, 2, 3, 4].map(job))
  await job()
  await job()
}

/** Checkouts whose hold is overdue, each with one unit of `sku`. */
async function overdueHolds(pool: DatabasePool, sku: string, count: number): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    insert into ledger (sku, partition, on_hand, free, held)
    values (${sku}, ${partitionOf(sku)}, ${count}, 0, ${count})`)
  await writeReserved(pool, newCheckouts(count), { sku, price: 100, expiresInSeconds: -1 })
}

const Counts = z.object({ releases: z.number(), told: z.number() })

test('the sweep: each hold is released once and told of once', async (t) => {
  const pool = await testPool(t)
  await overdueHolds(pool, 'SWEPT', 500)
  const posted: string[] = []
  const strategy = {
    async post(commands: readonly { readonly id: string }[]) {
      posted.push(...commands.map(({ id }) => id))
    },
  }
  await runSixTimes(() => expireHolds({ store: pgMoneyStore(pool), strategy }))
  assert.equal(await countCheckouts(pool, { status: 'expired' }), 500)
  const counts = await pool.one(sql.type(Counts)`
    select (select count(*) from stock_commands where kind = 'release') as releases,
      (select count(*) from outbox where topic = 'checkout.expired') as told`)
  assert.deepEqual(counts, { releases: 500, told: 500 })
  assert.equal(posted.length, 500)
  assert.equal(new Set(posted).size, 500)
})

test('overdue assemblies are rejected once and give each part back once', async (t) => {
  const pool = await testPool(t)
  const { redis } = await testQueues(t)
  await writeAssemblies(pool, newCheckouts(50), { skus: ['A', 'B'], expiresInSeconds: -60 })
  const gates = new RedisGates(redis, systemClock.now)
  await runSixTimes(() => rejectAssemblies({ pool, gates, holdSeconds: 900 }))
  assert.equal(await countCheckouts(pool, { status: 'rejected' }), 50)
  const releases = await pool.oneFirst(sql.typeAlias('count')`
    select count(*) as count from stock_commands where kind = 'release'`)
  assert.equal(releases, 100)
})

test('forgetting forgets what is old and done, and nothing else', async (t) => {
  const pool = await testPool(t)
  await pool.query(sql.typeAlias('none')`
    insert into outbox (topic, key, done_at)
    values ('fact', 'old', now() - interval '31 days'), ('fact', 'new', now()), ('fact', 'open', null)`)
  await pool.query(sql.typeAlias('none')`
    insert into webhook_events (id, type, payload, state, received_at)
    select 'evt_' || state, 'x', '{}', state, now() - interval '31 days'
      from unnest(array['stored', 'processed', 'ignored', 'parked']) as state`)
  await runSixTimes(() => forgetOld(pool))
  const left = await pool.any(
    sql.type(z.object({ name: z.string() }))`
      select key as name from outbox union select id from webhook_events order by name`,
  )
  assert.deepEqual(
    left.map(({ name }) => name),
    ['evt_parked', 'evt_stored', 'new', 'open'],
  )
})
