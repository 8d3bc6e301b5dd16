// Events of the outbox: written with their facts, one effect each through failures, crashes and double
// runs, and parked where an operator finds them.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { systemRandom } from '../../../src/kernel/random.ts'
import {
  appendOutbox,
  appendOutboxRows,
  cancelTopic,
  claimDueEvents,
  forgetDoneEvents,
  mailTopic,
  parkedEvents,
  replayEvent,
} from '../../../src/platform/outbox.ts'
import {
  eachInTransaction,
  eachOutside,
  handleEvents,
  joinTopics,
  type Topics,
} from '../../../src/platform/outbox-handlers.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { PermanentFailure } from '../../../src/platform/retries.ts'
import { dueNow, quickRetries, silent, testPool } from '../../support/background.ts'

const append = (pool: DatabasePool, ...keys: string[]) =>
  pool.transaction((tx) =>
    appendOutboxRows(
      tx,
      keys.map((key) => ({ topic: 'fact', key, payload: { key } })),
    ),
  )

/** An effect that can be counted: a row in `mails` for each run. */
const effect = eachInTransaction((tx, { key }) =>
  tx.query(sql.typeAlias('none')`
    insert into mails (fact, recipient, subject)
    values (${key} || '-' || (select count(*) from mails), '', ${key})`),
)

const effects = (pool: DatabasePool) =>
  pool
    .any(sql.type(z.object({ subject: z.string() }))`select subject from mails order by subject`)
    .then((rows) => rows.map(({ subject }) => subject))

const rowOf = (pool: DatabasePool, key: string) =>
  pool.one(
    sql.type(
      z.object({
        attempts: z.number(),
        error: z.string().nullable(),
        done: z.boolean(),
        parked: z.boolean(),
      }),
    )`select attempts, last_error as error, done_at is not null as done, parked_at is not null as parked
        from outbox where key = ${key}`,
  )

const runner = (pool: DatabasePool, topics: Topics) => async () =>
  handleEvents(
    { pool, topics, log: silent, random: systemRandom, retries: quickRetries },
    await claimDueEvents(pool, 'facts', 100),
  )

test('an event exists with its fact or not at all, and once for each topic and key', async (t) => {
  const pool = await testPool(t)
  await assert.rejects(
    pool.transaction(async (tx) => {
      await appendOutbox(tx, 'fact', 'one')
      throw new Error('the fact did not come about')
    }),
  )
  assert.deepEqual(await claimDueEvents(pool, 'facts', 10), [])
  const written = await pool.transaction(async (tx) => [
    await appendOutbox(tx, 'fact', 'one'),
    await appendOutbox(tx, 'fact', 'one'),
    await appendOutbox(tx, 'other', 'one'),
  ])
  assert.deepEqual(written, [true, false, true])
  assert.equal((await claimDueEvents(pool, 'facts', 10)).length, 2)
})

test('mails, and what the payment provider is asked, hold up no other fact', async (t) => {
  const pool = await testPool(t)
  await pool.transaction(async (tx) => {
    await appendOutbox(tx, mailTopic, 'one')
    await appendOutbox(tx, cancelTopic, 'one')
    await appendOutbox(tx, 'fact', 'one')
  })
  for (const queue of ['facts', 'mails', 'cancels'] as const) {
    assert.equal((await claimDueEvents(pool, queue, 10)).length, 1, queue)
    assert.deepEqual(await claimDueEvents(pool, queue, 10), [])
  }
})

test('two that claim at once never get the same event, and a claimed one is not due', async (t) => {
  const pool = await testPool(t)
  await append(pool, ...Array.from({ length: 200 }, (_, i) => `k${i}`))
  const claims = await Promise.all(
    Array.from({ length: 8 }, () => claimDueEvents(pool, 'facts', 40)),
  )
  const ids = claims.flat()
  assert.equal(ids.length, new Set(ids).size)
  const rest = await claimDueEvents(pool, 'facts', 200)
  assert.equal(new Set([...ids, ...rest]).size, 200)
  assert.deepEqual(await claimDueEvents(pool, 'facts', 200), [])
})

test('an event that is handled by two workers at once has one effect', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a', 'b', 'c')
  const ids = await claimDueEvents(pool, 'facts', 10)
  const deps = {
    pool,
    log: silent,
    random: systemRandom,
    topics: { fact: { inTransaction: [effect] } },
  }
  await Promise.all(Array.from({ length: 6 }, () => handleEvents(deps, ids)))
  await handleEvents(deps, ids)
  assert.deepEqual(await effects(pool), ['a', 'b', 'c'])
})

test('a crash before, during or after the effect leaves one effect, or an event that is still due', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a')
  // Claimed by a worker that dies before it begins.
  await claimDueEvents(pool, 'facts', 10)
  await pool.query(dueNow)
  // In the middle: the effect is rolled back with the closing of the row.
  let crash = true
  const topics: Topics = {
    fact: {
      inTransaction: [
        effect,
        async () => {
          if (crash) throw new Error('crash')
        },
      ],
    },
  }
  const run = runner(pool, topics)
  await run()
  assert.deepEqual(await effects(pool), [])
  assert.deepEqual(await rowOf(pool, 'a'), {
    attempts: 1,
    error: 'Error: crash',
    done: false,
    parked: false,
  })
  crash = false
  await pool.query(dueNow)
  await run()
  assert.deepEqual(await effects(pool), ['a'])
  // After: the job is run again by the queue.
  await pool.query(dueNow)
  await run()
  assert.deepEqual(await effects(pool), ['a'])
})

test('an event that fails does not keep the others of its batch from their effects', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a', 'broken', 'c')
  const failing = eachInTransaction(async (_tx, { key }) => {
    if (key === 'broken') throw new Error('no')
  })
  await runner(pool, { fact: { inTransaction: [effect, failing] } })()
  assert.deepEqual(await effects(pool), ['a', 'c'])
  assert.equal((await rowOf(pool, 'broken')).attempts, 1)
})

test('failures are retried later and later, the last one parks, and a replay has its effect', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a')
  let broken = true
  const run = runner(pool, {
    fact: {
      outside: eachOutside(async () => {
        if (broken) throw new Error('the provider is away')
      }),
    },
  })
  for (let i = 0; i < quickRetries.attemptsMax; i++) {
    await pool.query(dueNow)
    await run()
  }
  const parked = await parkedEvents(pool, { limit: 10, before: null })
  assert.deepEqual(
    parked.map(({ key, attempts, lastError }) => ({ key, attempts, lastError })),
    [{ key: 'a', attempts: 3, lastError: 'Error: the provider is away' }],
  )
  await pool.query(dueNow)
  assert.deepEqual(await claimDueEvents(pool, 'facts', 10), [])
  broken = false
  assert.equal(await replayEvent(pool, parked[0]?.id ?? 0), 'open')
  await run()
  assert.deepEqual(await rowOf(pool, 'a'), {
    attempts: 0,
    error: 'Error: the provider is away',
    done: true,
    parked: false,
  })
  assert.equal(await replayEvent(pool, parked[0]?.id ?? 0), 'done')
})

test('the pauses between tries grow', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a')
  const topics: Topics = {
    fact: { outside: eachOutside(() => Promise.reject(new Error('no'))) },
  }
  const pauses: number[] = []
  for (let i = 0; i < 4; i++) {
    await pool.query(dueNow)
    await handleEvents(
      { pool, topics, log: silent, random: systemRandom },
      await claimDueEvents(pool, 'facts', 1),
    )
    pauses.push(
      await pool.oneFirst(
        sql.type(z.object({ s: z.number() }))`
          select extract(epoch from due_at - now())::float8 as s from outbox`,
      ),
    )
  }
  const least = [0.3, 1.5, 7, 31]
  assert.ok(
    pauses.every((pause, i) => pause > (least[i] ?? 0)),
    `${pauses}`,
  )
})

test('a failure that no further try will mend parks at once, and so does what nobody handles in the end', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a')
  await pool.transaction((tx) => appendOutbox(tx, 'unknown', 'b'))
  const run = runner(pool, {
    fact: { outside: eachOutside(() => Promise.reject(new PermanentFailure('never'))) },
  })
  await run()
  assert.equal((await rowOf(pool, 'a')).parked, true)
  assert.equal((await rowOf(pool, 'b')).parked, false)
  await pool.query(dueNow)
  await run()
  await pool.query(dueNow)
  await run()
  assert.equal((await rowOf(pool, 'b')).parked, true)
})

test('the consumers of one topic all run, and a topic has one outside effect', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'a')
  const part = { fact: { inTransaction: [effect] } }
  await runner(pool, joinTopics(part, part))()
  assert.deepEqual(await effects(pool), ['a', 'a'])
  const outside = { fact: { outside: eachOutside(async () => {}) } }
  assert.throws(() => joinTopics(part, outside), /two effects/)
})

test('done events are forgotten after their time, open and parked ones are not', async (t) => {
  const pool = await testPool(t)
  await append(pool, 'done', 'open', 'parked')
  await pool.query(sql.typeAlias('none')`
    update outbox set created_at = now() - interval '90 days',
      done_at = case key when 'done' then now() - interval '31 days' end,
      parked_at = case key when 'parked' then now() - interval '31 days' end`)
  assert.equal(await forgetDoneEvents(pool, { days: 30, limit: 10 }), 1)
  const { count } = await pool.one(sql.typeAlias('count')`select count(*) as count from outbox`)
  assert.equal(count, 2)
})
