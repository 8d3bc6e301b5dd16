// A stalled job runs twice, also at once: every job handler run twice has one effect.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { expireHoldsJob } from '../../../src/jobs/expire-holds.ts'
import { forgetOldJob } from '../../../src/jobs/forget-old.ts'
import { rejectAssembliesJob } from '../../../src/jobs/reject-assemblies.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import type { ScheduledJob } from '../../../src/platform/queue/scheduled.ts'
import { partitionOf } from '../../../src/stock/partition.ts'
import { testPool, testQueues } from '../../support/background.ts'

const runSixTimes = async (job: ScheduledJob) => {
  await Promise.all([1, 2, 3, 4].map(() => job.run()))
  await job.run()
  await job.run()
}

/** Checkouts whose hold is overdue, each with one unit of `sku`. */
async function overdueHolds(pool: DatabasePool, sku: string, count: number): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    insert into ledger (sku, partition, on_hand, free, held)
    values (${sku}, ${partitionOf(sku)}, ${count}, 0, ${count})`)
  const ids = Array.from({ length: count }, newId)
  await pool.query(sql.typeAlias('none')`
    with made as (select id, gen_random_uuid() as buyer from unnest(${sql.array(ids, 'uuid')}) as id),
    c as (insert into checkouts (id, buyer_id, idempotency_key, status, total, currency, expires_at)
      select id, buyer, id::text, 'reserved', 100, 'EUR', now() - interval '1 second' from made),
    h as (insert into holds (checkout_id, sku, units, unit_price, buyer_id, state)
      select id, ${sku}, 1, 100, buyer, 'held' from made),
    o as (insert into orders (id, buyer_id, status, total, currency)
      select id, buyer, 'awaiting_payment', 100, 'EUR' from made)
    insert into order_lines (order_id, sku, title, quantity, unit_price, status)
    select id, ${sku}, 'Thing', 1, 100, 'awaiting_payment' from made`)
}

const Counts = z.object({ expired: z.number(), releases: z.number(), told: z.number() })

test('the sweep: each hold is released once and told of once', async (t) => {
  const pool = await testPool(t)
  await overdueHolds(pool, 'SWEPT', 500)
  const posted: string[] = []
  const strategy = {
    async post(commands: readonly { readonly id: string }[]) {
      posted.push(...commands.map(({ id }) => id))
    },
  }
  await runSixTimes(expireHoldsJob({ pool, strategy, sweepSeconds: 60 }))
  const counts = await pool.one(sql.type(Counts)`
    select (select count(*) from checkouts where status = 'expired') as expired,
      (select count(*) from stock_commands where kind = 'release') as releases,
      (select count(*) from outbox where topic = 'checkout.expired') as told`)
  assert.deepEqual(counts, { expired: 500, releases: 500, told: 500 })
  assert.equal(posted.length, 500)
  assert.equal(new Set(posted).size, 500)
})

test('overdue assemblies are rejected once and give each part back once', async (t) => {
  const pool = await testPool(t)
  const { redis } = await testQueues(t)
  await pool.query(sql.typeAlias('none')`
    with made as (select gen_random_uuid() as id, gen_random_uuid() as buyer from generate_series(1, 50)),
    c as (insert into checkouts (id, buyer_id, idempotency_key, status, expires_at)
      select id, buyer, id::text, 'assembling', now() - interval '1 minute' from made)
    insert into checkout_parts (checkout_id, sku, units)
    select id, sku, 1 from made, (values ('A'), ('B')) as skus (sku)`)
  await runSixTimes(rejectAssembliesJob({ pool, redis, holdSeconds: 900 }))
  const counts = await pool.one(
    sql.type(z.object({ rejected: z.number(), releases: z.number() }))`
      select (select count(*) from checkouts where status = 'rejected') as rejected,
        (select count(*) from stock_commands where kind = 'release') as releases`,
  )
  assert.deepEqual(counts, { rejected: 50, releases: 100 })
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
  await runSixTimes(forgetOldJob({ pool }))
  const left = await pool.any(
    sql.type(z.object({ name: z.string() }))`
      select key as name from outbox union select id from webhook_events order by name`,
  )
  assert.deepEqual(
    left.map(({ name }) => name),
    ['evt_parked', 'evt_stored', 'new', 'open'],
  )
})
