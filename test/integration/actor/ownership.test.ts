// Who owns what, and what becomes of an owner that dies, falls silent, or is overtaken: on a real PostgreSQL,
// whose locks and clock decide. Workers run in this process.
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { type ActorFactory, BeyondThisWorker } from '../../../src/actor/actor.ts'
import { Ownership } from '../../../src/actor/ownership.ts'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { redisSurvey } from '../../../src/stock/gate/redis-survey.ts'
import { seeLedger } from '../../../src/stock/ledger/see-ledger.ts'
import type { Committed } from '../../../src/stock/owner/commit-pass.ts'
import { stockLookout } from '../../../src/stock/owner/lookout.ts'
import type { LedgerStore } from '../../../src/stock/ports.ts'
import { partitionCount, partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { ownershipDeps } from '../../support/owners.ts'
import { StockWorld } from '../../support/stock-world.ts'

interface Worker {
  readonly ownership: Ownership<LedgerStore>
  readonly committed: Committed[]
  /** From now on it stamps no more and looks after nothing; its lanes go on. */
  fallSilent(): void
  stop(): Promise<void>
}

function startWorker(world: StockWorld): Worker {
  const committed: Committed[] = []
  let silent = false
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      await systemClock.sleep(ms, signal)
      if (!silent || signal?.aborted) return
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
    },
  }
  const factory = world.actors({
    onCommitted: (_, each) => committed.push(each),
    wake: (partition) => ownership.wake(partition),
  })
  const ownership: Worker['ownership'] = new Ownership({
    ...ownershipDeps(world, factory),
    lookout: stockLookout({
      gates: redisSurvey(world.redis),
      ledger: (partitions) => seeLedger(world.pool, partitions),
    }),
    partitions: partitionCount,
    clock,
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= ownership.stop()
    return stopped
  }
  ownership.start()
  world.onClose(stop)
  return {
    ownership,
    committed,
    fallSilent: () => {
      silent = true
    },
    stop,
  }
}

/** Resolves when the workers own all partitions, each one of them once, nobody more than his share. */
async function shareEvenly(...workers: Worker[]): Promise<void> {
  const share = Math.ceil(partitionCount / workers.length)
  await eventually(
    () => {
      const owned = workers.map(({ ownership }) => ownership.owned)
      assert.equal(new Set(owned.flat()).size, partitionCount)
      assert.equal(owned.flat().length, partitionCount)
      for (const { length } of owned) assert.ok(length <= share, `${length} of ${share}`)
    },
    { timeoutMs: 20_000 },
  )
}

function ownerOf(sku: string, ...workers: Worker[]): Worker {
  const partition = partitionOf(sku)
  const owner = workers.find(({ ownership }) => ownership.owned.includes(partition))
  assert.ok(owner, `nobody owns ${partition}`)
  return owner
}

async function heldBy(world: StockWorld, sku: string, held: number): Promise<void> {
  await eventually(async () => assert.equal((await world.ledger(sku)).held, held))
  await eventually(() => world.assertSound(sku))
}

test('workers share the partitions evenly, when one joins and when one leaves', async (t) => {
  const world = await StockWorld.start(t)
  const first = startWorker(world)
  await shareEvenly(first)
  const second = startWorker(world)
  await shareEvenly(first, second)
  const third = startWorker(world)
  await shareEvenly(first, second, third)
  await second.stop()
  await shareEvenly(first, third)
  assert.deepEqual(second.ownership.owned, [])
})

test('a sale goes on while its partition moves to another worker', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 60 })
  const first = startWorker(world)
  await shareEvenly(first)
  for (let i = 0; i < 20; i++) await world.granted(sku)
  const second = startWorker(world)
  await shareEvenly(first, second)
  for (let i = 0; i < 20; i++) await world.granted(sku)
  await ownerOf(sku, first, second).stop()
  for (let i = 0; i < 20; i++) await world.granted(sku)
  assert.equal((await world.admit(sku)).tag, 'sold_out')
  await heldBy(world, sku, 60)
})

test('an owner whose connection is killed in the middle of a commit is replaced, and commits once', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 10 })
  const workers = [startWorker(world), startWorker(world)] as const
  await shareEvenly(...workers)
  await world.granted(sku, { units: 2 })
  await heldBy(world, sku, 2)
  await world.whileLocked(sku, async () => {
    await world.granted(sku, { units: 3 })
    await world.blocked(1)
    await world.pool.query(sql.typeAlias('none')`
      select from (select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where wait_event_type = 'Lock' and application_name like 'sluice-lane %'
          and datname = current_database() limit 1) as ended`)
  })
  await heldBy(world, sku, 5)
  await world.granted(sku, { units: 5 })
  await heldBy(world, sku, 10)
  await shareEvenly(...workers)
})

test('an owner that only seems to live is put down, and its late commit changes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 10 })
  const silent = startWorker(world)
  await shareEvenly(silent)
  await world.granted(sku)
  await heldBy(world, sku, 1)
  const successor = startWorker(world)
  await shareEvenly(silent, successor)
  const zombie = ownerOf(sku, silent, successor)
  const other = zombie === silent ? successor : silent
  const before = zombie.committed.length
  await world.whileLocked(sku, async () => {
    await world.granted(sku, { units: 4 })
    await world.blocked(1)
    zombie.fallSilent()
    await eventually(() => other.ownership.owned.includes(partitionOf(sku)))
    // The successor has the same batch, and waits in its turn.
    await world.blocked(1)
  })
  await heldBy(world, sku, 5)
  assert.equal(zombie.committed.length, before)
  await shareEvenly(other)
  assert.deepEqual(zombie.ownership.owned, [])
})

test('an owner that is fenced steps down, and the partition is served again', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 10 })
  const worker = startWorker(world)
  await shareEvenly(worker)
  await world.granted(sku)
  await heldBy(world, sku, 1)
  const intruder = await world.takeOver(partitionOf(sku))
  const { intruding } = await world.whileLocked(sku, async () => {
    await world.granted(sku)
    const pass = intruder.actor.pass().catch((error: Error) => error.name)
    await world.blocked(2)
    return { intruding: pass }
  })
  await intruding
  await heldBy(world, sku, 2)
  await world.granted(sku)
  await heldBy(world, sku, 3)
  await shareEvenly(worker)
})

test('a partition that only another worker can run is given back, and tried again after a while', async (t) => {
  const world = await StockWorld.start(t)
  let [ms, ticks, able] = [0, 0, true]
  const tries: number[] = []
  const run = async (partition: number) => {
    if (partition === 5 && !able) throw new BeyondThisWorker('by order of the test')
  }
  const passes = new Set<number>()
  const factory: ActorFactory<unknown> = {
    takeOver: async (partition) => {
      if (partition === 5) tries.push(ms)
      await run(partition)
      return {
        pass: async () => {
          await run(partition)
          passes.add(partition)
          return { anything: false, arrivals: 0, parts: false }
        },
        tend: async () => {},
      }
    },
  }
  const ownership = new Ownership({
    ...ownershipDeps(world, factory),
    // It lives as fast as the wall clock; only pauses are the test's.
    clock: {
      ...systemClock,
      monotonic: () => ms,
      sleep: (duration, signal) => {
        ticks++
        return systemClock.sleep(duration, signal)
      },
    },
  })
  ownership.start()
  world.onClose(() => ownership.stop())
  const owned = (count: number) =>
    eventually(() => assert.equal(ownership.owned.length, count), { timeoutMs: 20_000 })
  await owned(partitionCount)
  able = false
  ownership.wake(5)
  await owned(partitionCount - 1)
  await eventually(() => assert.equal(tries.length, 2))
  // Time stands still: however often it looks around, the pause is not over. The rest of the lane goes on.
  const since = ticks
  await eventually(() => assert.ok(ticks > since + 6), { timeoutMs: 20_000 })
  assert.equal(tries.length, 2)
  passes.clear()
  for (const partition of [3, 7]) ownership.wake(partition)
  await eventually(() => assert.deepEqual([...passes].toSorted(), [3, 7]))
  ms += 60_000
  await eventually(() => assert.equal(tries.length, 3))
  able = true
  // The pause after the third try may begin only now.
  await eventually(() => {
    ms += 60_000
    assert.equal(ownership.owned.length, partitionCount)
  })
})

test('nobody owns a partition without its lock, and a stopped worker leaves none behind', async (t) => {
  const world = await StockWorld.start(t)
  const worker = startWorker(world)
  await shareEvenly(worker)
  const State = z.object({ locks: z.number(), stamped: z.number(), workers: z.number() })
  const state = () =>
    world.pool.one(sql.type(State)`
      select (select count(*)::int from pg_locks l join pg_stat_activity a on a.pid = l.pid
               where l.locktype = 'advisory' and l.granted and a.datname = current_database()
                 and a.application_name like 'sluice-lane %') as locks,
        (select count(*)::int from partitions where worker_id is not null) as stamped,
        (select count(*)::int from workers where seen_at > now() - interval '2 seconds') as workers`)
  assert.deepEqual(await state(), { locks: partitionCount, stamped: partitionCount, workers: 1 })
  await worker.stop()
  await eventually(async () =>
    assert.deepEqual(await state(), { locks: 0, stamped: 0, workers: 0 }),
  )
})
