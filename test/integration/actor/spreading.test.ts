// How partitions spread over workers while take-overs are slow or fail, on a real PostgreSQL with actors
// that do nothing.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { pino } from 'pino'
import { z } from 'zod'
import type { ActorFactory } from '../../../src/actor/actor.ts'
import { claimMax } from '../../../src/actor/lane.ts'
import { Ownership, type OwnershipDeps } from '../../../src/actor/ownership.ts'
import { offerSource } from '../../../src/flows/reserve/offer-source.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import type { LedgerStore } from '../../../src/stock/ports.ts'
import { startOwners } from '../../../src/system/owners.ts'
import { eventually } from '../../support/eventually.ts'
import { idleActor, ownershipDeps } from '../../support/owners.ts'
import { holdSeconds, StockWorld } from '../../support/stock-world.ts'
import { createTestDatabase } from '../../support/stores.ts'

const ascending = (partitions: readonly number[]) => partitions.toSorted((a, b) => a - b)

async function startOwner(
  t: TestContext,
  databaseUrl: string,
  takeOver: ActorFactory<unknown>['takeOver'] = async () => idleActor,
  changed: (
    deps: ReturnType<typeof ownershipDeps>,
  ) => Partial<OwnershipDeps<LedgerStore>> = () => ({}),
): Promise<Ownership<LedgerStore>> {
  const pool = await openPool(databaseUrl, {
    max: 3,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  const deps = ownershipDeps({ databaseUrl, pool }, { takeOver })
  const ownership = new Ownership({ ...deps, ...changed(deps) })
  ownership.start()
  t.after(async () => {
    await ownership.stop()
    await pool.end()
  })
  return ownership
}

/** When partitions were stamped, as PostgreSQL has it. */
async function readStamps(t: TestContext, databaseUrl: string) {
  const pool = await openPool(databaseUrl, {
    max: 1,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  t.after(() => pool.end())
  return {
    /** Makes every stamp an hour older. */
    age: () =>
      pool.query(sql.typeAlias('none')`
        update partitions set seen_at = seen_at - interval '1 hour'`),
    /** The partitions that were stamped within the last minute. */
    fresh: () =>
      pool.anyFirst(sql.type(z.object({ partition: z.number() }))`
        select partition from partitions where seen_at > now() - interval '1 minute'
         order by partition`),
  }
}

test('a worker that joins gets its share although the first one has everything', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await startOwner(t, databaseUrl)
  await eventually(() => assert.equal(first.owned.length, 64))
  const second = await startOwner(t, databaseUrl)
  await eventually(() => {
    assert.deepEqual([first.owned.length, second.owned.length], [32, 32])
  })
  // A partition is its lane's by its number: both go on with both of theirs.
  for (const { owned } of [first, second]) {
    assert.equal(owned.filter((partition) => partition % 2 === 0).length, 16)
  }
})

test('a worker in the middle of a long take-over is not silent, and nobody puts it down', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const begun: number[] = []
  const finish = Promise.withResolvers<void>()
  t.after(() => finish.resolve())
  const first = await startOwner(t, databaseUrl, async (partition) => {
    begun.push(partition)
    await finish.promise
    return idleActor
  })
  const both = Array.from({ length: 2 * claimMax }, (_, partition) => partition)
  await eventually(() => assert.deepEqual(ascending(begun), both))
  // As if it had begun an hour ago: whatever does not stamp from now on is silent.
  const stamps = await readStamps(t, databaseUrl)
  await stamps.age()
  await eventually(async () => assert.deepEqual(await stamps.fresh(), both))
  // One that owns nothing yet wants these partitions too, and looks at them first.
  const second = await startOwner(t, databaseUrl)
  const others = Array.from({ length: 64 - both.length }, (_, i) => both.length + i)
  await eventually(() => assert.deepEqual(second.owned, others))
  assert.deepEqual(ascending(begun), both)
  finish.resolve()
  await eventually(() => assert.deepEqual(first.owned, both))
})

test('a partition that cannot be taken over keeps no other from being owned', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const owner = await startOwner(t, databaseUrl, async (partition) => {
    if (partition === 0) throw new Error('cannot be taken over')
    return idleActor
  })
  await eventually(() => assert.equal(owner.owned.length, 63))
})

test('a worker whose lanes connect after its first survey claims then, and waits for no other', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const surveyed = Promise.withResolvers<void>()
  let tries = 0
  const owner = await startOwner(t, databaseUrl, undefined, ({ registry, sessions, clock }) => ({
    registry: {
      stamp: (partitions) => registry.stamp(partitions),
      putDown: (partition, session) => registry.putDown(partition, session),
      signOff: () => registry.signOff(),
      survey: async () => {
        const survey = await registry.survey()
        surveyed.resolve()
        return survey
      },
    },
    sessions: {
      open: async (onLost) => {
        await surveyed.promise
        tries += 1
        // One lane comes back later than the other.
        if (tries === 1) throw new Error('PostgreSQL is away')
        return sessions.open(onLost)
      },
    },
    // No pause between surveys ends by itself.
    clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms === 500 ? 3_600_000 : ms, signal) },
  }))
  await eventually(() => assert.equal(owner.owned.length, 64))
  assert.equal(tries, 3)
})

test('a worker that is stopped in the middle finishes what it takes over, and claims no more', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const begun: number[] = []
  const finish = Promise.withResolvers<void>()
  const owner = await startOwner(t, databaseUrl, async (partition) => {
    begun.push(partition)
    await finish.promise
    return idleActor
  })
  await eventually(() => assert.equal(begun.length, 2 * claimMax))
  const stopped = owner.stop()
  finish.resolve()
  await stopped
  assert.deepEqual([owner.owned, begun.length], [[], 2 * claimMax])
  // All of it is free.
  const next = await startOwner(t, databaseUrl)
  await eventually(() => assert.equal(next.owned.length, 64))
})

test('owners take partitions and stamp them although jobs have every other connection', async (t) => {
  const world = await StockWorld.start(t)
  const { databaseUrl, redis } = world
  const open = { statementTimeoutMs: 5_000, onError: () => {} }
  const [pool, stampPool] = [
    await openPool(databaseUrl, { ...open, max: 1 }),
    await openPool(databaseUrl, { ...open, max: 2 }),
  ]
  const subscriber = openRedis(world.redisServer.url, 'subscriber', () => {})
  const done = Promise.withResolvers<void>()
  const job = pool.connect(() => done.promise)
  const stop = startOwners({
    databaseUrl,
    pool,
    stampPool,
    redis,
    subscriber,
    offers: offerSource(world.pool),
    holdSeconds,
    lanes: 2,
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
  })
  world.onClose(async () => {
    done.resolve()
    await job
    await stop()
    subscriber.disconnect()
    await Promise.all([pool.end(), stampPool.end()])
  })
  await eventually(async () => {
    const { count } = await world.pool.one(sql.typeAlias('count')`
      select count(*) as count from partitions
       where worker_id is not null`)
    assert.equal(count, 64)
  })
  await world.pool.query(sql.typeAlias('none')`
    update partitions set seen_at = now() - interval '1 hour'`)
  await eventually(async () => {
    const { count } = await world.pool.one(sql.typeAlias('count')`
      select count(*) as count from partitions where seen_at > now() - interval '1 minute'`)
    assert.equal(count, 64)
  })
})

test('what a look finds is passed over or tended by whoever owns it, although nobody wakes it', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const pool = await openPool(databaseUrl, {
    max: 3,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  const [passes, tended] = [new Map<number, number>(), new Set<number>()]
  let looks = 0
  let waiting: number[] = []
  const ownership = new Ownership({
    ...ownershipDeps(
      { databaseUrl, pool },
      {
        takeOver: async (partition) => ({
          pass: async () => {
            passes.set(partition, (passes.get(partition) ?? 0) + 1)
            return { anything: false, arrivals: 0, parts: false }
          },
          tend: async () => {
            tended.add(partition)
          },
        }),
      },
    ),
    lookout: {
      look: async (partitions) => {
        looks += 1
        if (looks === 1) throw new Error('a store is away')
        return { waiting, amiss: partitions.length === 64 ? [5, 6] : [] }
      },
    },
  })
  ownership.start()
  t.after(async () => {
    await ownership.stop()
    await pool.end()
  })
  await eventually(() => assert.deepEqual([...tended].sort(), [5, 6]))
  // Each was passed over once, when it was taken over.
  assert.deepEqual(new Set(passes.values()), new Set([1]))
  waiting = [7]
  await eventually(() => assert.ok((passes.get(7) ?? 0) >= 2))
  assert.equal(passes.get(8), 1)
})
