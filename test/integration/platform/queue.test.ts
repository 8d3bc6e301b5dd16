// Rows on their way through BullMQ, and schedules: nothing is lost when Redis is emptied or a worker dies.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { systemRandom } from '../../../src/kernel/random.ts'
import { appendOutboxRows, claimDueEvents } from '../../../src/platform/outbox.ts'
import { eachInTransaction, handleEvents } from '../../../src/platform/outbox-handlers.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import type { QueueDeps } from '../../../src/platform/queue/queue.ts'
import { startRelay } from '../../../src/platform/queue/relay.ts'
import { startScheduled } from '../../../src/platform/queue/scheduled.ts'
import { dueNow, silent, testPool, testQueues } from '../../support/background.ts'
import { eventually } from '../../support/eventually.ts'

const effects = (pool: DatabasePool) =>
  pool.one(sql.typeAlias('count')`select count(*) as count from mails`).then(({ count }) => count)

const append = (pool: DatabasePool, from: number, count: number) =>
  pool.transaction((tx) =>
    appendOutboxRows(
      tx,
      Array.from({ length: count }, (_, i) => ({
        topic: 'fact',
        key: `k${from + i}`,
        payload: {},
      })),
    ),
  )

/** A worker whose effect is a row in `mails`; without a conflict clause, a second one fails. */
function startWorker(t: TestContext, deps: QueueDeps, pool: DatabasePool) {
  const topics = {
    fact: {
      inTransaction: [
        eachInTransaction((tx, { key }) =>
          tx.query(sql.typeAlias('none')`
            insert into mails (fact, recipient, subject) values (${key}, '', '')`),
        ),
      ],
    },
  }
  const relay = startRelay<number>(deps, {
    name: 'outbox',
    batch: 10,
    concurrency: 2,
    claim: (limit) => claimDueEvents(pool, 'facts', limit),
    handle: (ids) => handleEvents({ pool, topics, log: silent, random: systemRandom }, ids),
  })
  t.after(() => relay.stop())
  return relay
}

const allDone = (pool: DatabasePool) =>
  eventually(async () => {
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*) as count from outbox where done_at is null`)
    assert.equal(count, 0)
  })

test('two workers give every event one effect', async (t) => {
  const pool = await testPool(t)
  const { deps } = await testQueues(t)
  await append(pool, 0, 150)
  startWorker(t, deps, pool)
  startWorker(t, deps, pool)
  await append(pool, 150, 150)
  await allDone(pool)
  assert.equal(await effects(pool), 300)
})

test('an emptied Redis loses nothing: what is not done is queued again, and has one effect', async (t) => {
  const pool = await testPool(t)
  const { deps, redis } = await testQueues(t)
  await append(pool, 0, 300)
  startWorker(t, deps, pool)
  await eventually(async () => (await effects(pool)) > 20)
  await redis.flushall()
  await append(pool, 300, 20)
  await eventually(async () => {
    // What was in the queue would be due again after half a minute.
    await pool.query(dueNow)
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*) as count from outbox where done_at is null`)
    assert.equal(count, 0)
  })
  assert.equal(await effects(pool), 320)
})

test('events wait while Redis is away and are handled when it is back', async (t) => {
  const pool = await testPool(t)
  const { deps, server } = await testQueues(t)
  startWorker(t, deps, pool)
  await append(pool, 0, 5)
  await allDone(pool)
  await server.kill('SIGKILL')
  await append(pool, 5, 5)
  await server.restart()
  await allDone(pool)
  assert.equal(await effects(pool), 10)
})

test('what a worker had claimed when it died is done by another', async (t) => {
  const pool = await testPool(t)
  const { deps } = await testQueues(t)
  await append(pool, 0, 30)
  assert.equal((await claimDueEvents(pool, 'facts', 30)).length, 30)
  startWorker(t, deps, pool)
  await pool.query(dueNow)
  await allDone(pool)
  assert.equal(await effects(pool), 30)
})

test('schedules run, and come back after Redis was emptied', async (t) => {
  const { deps, redis } = await testQueues(t)
  let runs = 0
  const scheduled = startScheduled(deps, [
    {
      name: 'count',
      everyMs: 100,
      run: async () => {
        runs += 1
      },
    },
  ])
  t.after(() => scheduled.stop())
  await eventually(() => runs >= 3)
  await redis.flushall()
  const before = runs
  await eventually(() => runs >= before + 4)
})

test('a job that takes long keeps none of the others from their turn', async (t) => {
  const { deps } = await testQueues(t)
  const release = Promise.withResolvers<void>()
  const runs = { slow: 0, quick: 0 }
  const slow = Array.from({ length: 5 }, (_, i) => ({
    name: `slow-${i}`,
    everyMs: 50,
    run: () => {
      runs.slow += 1
      return release.promise
    },
  }))
  const quick = {
    name: 'quick',
    everyMs: 50,
    run: async () => {
      runs.quick += 1
    },
  }
  const jobs = startScheduled(deps, [...slow, quick])
  t.after(() => {
    release.resolve()
    return jobs.stop()
  })
  await eventually(() => assert.equal(runs.slow, slow.length))
  const before = runs.quick
  await eventually(() => assert.ok(runs.quick > before + 5))
  assert.equal(runs.slow, slow.length, 'one that runs is not begun a second time')
})

test('schedules come back after Redis was started anew without its data', async (t) => {
  const { deps, server } = await testQueues(t)
  let runs = 0
  const scheduled = startScheduled(deps, [
    {
      name: 'count',
      everyMs: 100,
      run: async () => {
        runs += 1
        if (runs === 2) throw new Error('a run that fails does not end the schedule')
      },
    },
  ])
  t.after(() => scheduled.stop())
  await eventually(() => runs >= 4)
  await server.kill('SIGKILL')
  await server.restart()
  const before = runs
  await eventually(() => runs >= before + 3, { timeoutMs: 20_000 })
})

test('with Redis away a stop does not wait for it', async (t) => {
  const pool = await testPool(t)
  const { deps, server } = await testQueues(t)
  const relay = startWorker(t, deps, pool)
  const scheduled = startScheduled(deps, [{ name: 'idle', everyMs: 60_000, run: async () => {} }])
  await server.kill('SIGKILL')
  await Promise.all([relay.stop(), scheduled.stop()])
})
