// Rows on their way through BullMQ, and schedules: nothing is lost when Redis is emptied or a worker dies.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { claimPending, markUploaded } from '../../../src/images/image-repository.ts'
import { writesRelayedRows } from '../../../src/jobs/hints.ts'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { WebhookInbox } from '../../../src/payments/webhook-inbox.ts'
import {
  appendOutboxRows,
  claimDueEvents,
  firstDueEvent,
  mailTopic,
} from '../../../src/platform/outbox.ts'
import { eachInTransaction, handleEvents } from '../../../src/platform/outbox-handlers.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { type RelayDeps, startRelays } from '../../../src/platform/queue/relay.ts'
import { startScheduled } from '../../../src/platform/queue/scheduled.ts'
import { publishHints, receiveHints, WorkHints } from '../../../src/platform/queue/work-hints.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
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
function startWorker(t: TestContext, deps: Omit<RelayDeps, 'pool'>, pool: DatabasePool) {
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
  const relay = startRelays({ ...deps, pool }, [
    {
      name: 'outbox',
      batch: 10,
      concurrency: 2,
      firstDue: firstDueEvent('facts'),
      claim: (limit) => claimDueEvents(pool, 'facts', limit),
      handle: (ids: readonly number[]) =>
        handleEvents({ pool, topics, log: silent, random: systemRandom }, ids),
    },
  ])
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

test('two workers take turns: a job runs once an interval, and goes on when one of them stops', async (t) => {
  const { deps } = await testQueues(t)
  const runs = [0, 0]
  const workers = runs.map((_, i) =>
    startScheduled(deps, [
      {
        name: 'count',
        everyMs: 400,
        run: async () => {
          runs[i] = (runs[i] ?? 0) + 1
        },
      },
    ]),
  )
  t.after(() => Promise.all(workers.map((worker) => worker.stop())))
  const total = () => runs.reduce((sum, count) => sum + count, 0)
  const began = systemClock.monotonic()
  await eventually(() => total() >= 6)
  const intervals = (systemClock.monotonic() - began) / 400
  assert.ok(total() <= intervals * (1 / 0.9) + 2, `${total()} runs in ${intervals} intervals`)
  const [busier, other] = (runs[0] ?? 0) > (runs[1] ?? 0) ? [0, 1] : [1, 0]
  await workers[busier]?.stop()
  const before = runs[other] ?? 0
  await eventually(() => assert.ok((runs[other] ?? 0) >= before + 2))
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

/** Relays whose claims are counted; none of their rows has an effect. */
function startCounted(t: TestContext, deps: Omit<RelayDeps, 'pool'>, pool: DatabasePool) {
  const claims = { facts: 0, mails: 0, cancels: 0 }
  const relays = startRelays(
    { ...deps, pool },
    (['facts', 'mails', 'cancels'] as const).map((queue) => ({
      name: queue,
      batch: 10,
      concurrency: 1,
      firstDue: firstDueEvent(queue),
      claim: (limit: number) => {
        claims[queue] += 1
        return claimDueEvents(pool, queue, limit)
      },
      handle: async () => {},
    })),
  )
  t.after(() => relays.stop())
  return claims
}

test('relays with nothing to do share one statement, and only those claim that have something', async (t) => {
  let looks = 0
  const pool = await testPool(t, {
    onExecuted: (text) => {
      if (text.includes('array_remove')) looks += 1
    },
  })
  const { deps } = await testQueues(t)
  const claims = startCounted(t, deps, pool)
  await eventually(() => assert.ok(looks >= 3))
  assert.deepEqual(claims, { facts: 0, mails: 0, cancels: 0 })
  await pool.transaction((tx) =>
    appendOutboxRows(tx, [{ topic: mailTopic, key: 'one', payload: {} }]),
  )
  await eventually(() => assert.ok(claims.mails >= 2))
  assert.deepEqual(claims, { facts: 0, mails: claims.mails, cancels: 0 })
})

test('a hint makes relays look at once, also one of another process', async (t) => {
  const pool = await testPool(t)
  const { deps, server } = await testQueues(t)
  const [publisher, subscriber] = [
    openRedis(server.url, 'patient', () => {}),
    openRedis(server.url, 'subscriber', () => {}),
  ]
  t.after(() => {
    publisher.disconnect()
    subscriber.disconnect()
  })
  const elsewhere = new WorkHints({ clock: systemClock, writes: writesRelayedRows })
  publishHints(elsewhere, publisher)
  t.after(receiveHints(deps.hints, subscriber))
  // Nobody looks again of himself: time stands still, and only what cuts a sleep short ends it.
  const clock: Clock = {
    ...systemClock,
    monotonic: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
  }
  const claims = startCounted(t, { ...deps, clock }, pool)
  await eventually(async () => assert.equal(await publisher.pubsub('NUMPAT'), 1))
  await append(pool, 0, 1)
  assert.equal(claims.facts, 0)
  elsewhere.hint()
  await eventually(() => assert.ok(claims.facts >= 1))
})

test('every statement that makes a row due is hinted at, and a crowd of them once', async (t) => {
  let ms = 0
  const clock: Clock = { ...systemClock, monotonic: () => ms }
  const hints = new WorkHints({ clock, writes: writesRelayedRows })
  let count = 0
  t.after(
    hints.listen(() => {
      count += 1
    }),
  )
  const pool = await testPool(t, { onExecuted: hints.executed })
  const hinted = async (write: () => Promise<unknown>) => {
    ms += 1_000
    const before = count
    await write()
    return count - before
  }
  assert.equal(await hinted(() => pool.query(sql.typeAlias('none')`select`)), 0)
  assert.equal(await hinted(() => append(pool, 0, 5)), 1)
  const body = '{}'
  const inbox = new WebhookInbox(pool, systemClock)
  const type = 'payment_intent.succeeded'
  assert.equal(await hinted(() => inbox.store({ id: 'evt_1', type, body })), 1)
  assert.equal(await hinted(() => markUploaded(pool, newId())), 1)
  assert.equal(await hinted(() => claimPending(pool, 5)), 0)
  const many = async () => {
    for (let i = 10; i < 20; i++) await append(pool, i, 1)
  }
  assert.equal(await hinted(many), 1)
})
