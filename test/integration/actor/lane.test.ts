// When a lane passes over which of its partitions, on a real PostgreSQL with an actor that only counts its passes.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  type ActorFactory,
  Fenced,
  type Found,
  type PartitionActor,
} from '../../../src/actor/actor.ts'
import { gatherMs } from '../../../src/actor/gather.ts'
import { claimMax, Lane, type LaneDeps } from '../../../src/actor/lane.ts'
import type { Session, Sessions } from '../../../src/actor/ports.ts'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import type { LedgerStore } from '../../../src/stock/ports.ts'
import { eventually } from '../../support/eventually.ts'
import { idleActor, laneDeps, sessionsOn } from '../../support/owners.ts'
import { createTestDatabase } from '../../support/stores.ts'

const claims = async (lane: Lane<LedgerStore>, partition: number): Promise<boolean> =>
  (await lane.claim([partition])).owned.includes(partition)

test('after a crowd a partition gathers, and holds nobody else up; after a few it does not', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  // Time stands still, and a gathering ends when the test says so.
  const gathering: (() => void)[] = []
  let ms = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => ms,
    after: (delay, fn) => {
      if (delay < 100) gathering.push(fn)
      return () => {}
    },
  }
  const passes = new Map<number, number>()
  const nothing: Found = { anything: false, arrivals: 0, parts: false }
  let found = nothing
  const factory: ActorFactory<unknown> = {
    takeOver: async (partition) => ({
      pass: async () => {
        passes.set(partition, (passes.get(partition) ?? 0) + 1)
        const answer = found
        found = nothing
        return answer
      },
      tend: async () => {},
    }),
  }
  const lane = new Lane({ ...laneDeps(databaseUrl, factory), clock })
  lane.start()
  t.after(() => lane.stop())
  await eventually(async () => assert.ok(await claims(lane, 1)))
  assert.ok(await claims(lane, 2))
  await eventually(() => assert.deepEqual([...passes.values()], [1, 1]))

  found = { anything: true, arrivals: 24, parts: false }
  lane.wake(1)
  await eventually(() => assert.equal(gathering.length, 1))
  lane.wake(1)
  lane.wake(2)
  await eventually(() => assert.equal(passes.get(2), 2))
  assert.equal(passes.get(1), 2)

  ms += 100
  gathering.at(-1)?.()
  await eventually(() => assert.equal(passes.get(1), 3))

  found = { anything: true, arrivals: 23, parts: false }
  lane.wake(1)
  await eventually(() => assert.equal(passes.get(1), 5))
})

test('a larger crowd is waited for longer, within bounds', () => {
  const ms = (parts: boolean) => (arrivals: number) => gatherMs({ arrivals, parts })
  assert.deepEqual([0, 1, 23, 24, 48, 96, 160, 5_000].map(ms(false)), [0, 0, 0, 6, 6, 12, 20, 20])
  assert.deepEqual([0, 15, 16, 24, 5_000].map(ms(true)), [0, 0, 3, 3, 3])
})

test('a partition is tended when it is told to be, and not before, however busy its neighbour is', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  let tended = 0
  const factory: ActorFactory<unknown> = {
    takeOver: async (partition) => ({
      pass: async () => {
        await systemClock.sleep(1)
        return { anything: partition === 1, arrivals: 0, parts: false }
      },
      tend: async () => {
        assert.equal(partition, 2)
        tended += 1
      },
    }),
  }
  const lane = new Lane(laneDeps(databaseUrl, factory))
  lane.start()
  t.after(() => lane.stop())
  await eventually(async () => assert.ok(await claims(lane, 1)))
  assert.ok(await claims(lane, 2))
  assert.equal(tended, 0)
  lane.tend(2)
  lane.tend(3)
  await eventually(() => assert.equal(tended, 1))
})

test('what failed is tended a second later, until it succeeds, and others have their passes', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  let ms = 0
  const clock = { ...systemClock, monotonic: () => ms }
  const tended: number[] = []
  const passes = new Map<number, number>()
  let ill = true
  const factory: ActorFactory<unknown> = {
    takeOver: async (partition) => ({
      pass: async () => {
        passes.set(partition, (passes.get(partition) ?? 0) + 1)
        if (partition === 1 && passes.get(1) === 1) throw new Error('half of it was done')
        return { anything: false, arrivals: 0, parts: false }
      },
      tend: async () => {
        tended.push(partition)
        if (ill) throw new Error('not yet')
      },
    }),
  }
  const lane = new Lane({ ...laneDeps(databaseUrl, factory), clock })
  lane.start()
  t.after(() => lane.stop())
  await eventually(async () => assert.ok(await claims(lane, 1)))
  assert.ok(await claims(lane, 2))
  await eventually(() => assert.ok((passes.get(1) ?? 0) >= 2))
  assert.deepEqual(tended, [])

  ms += 1_000
  lane.wake(2)
  await eventually(() => assert.deepEqual(tended, [1]))
  ill = false
  lane.wake(2)
  await eventually(() => assert.ok((passes.get(2) ?? 0) >= 3))
  assert.deepEqual(tended, [1])

  ms += 1_000
  lane.wake(2)
  await eventually(() => assert.deepEqual(tended, [1, 1]))
  ms += 1_000
  lane.wake(2)
  await eventually(() => assert.ok((passes.get(2) ?? 0) >= 5))
  assert.deepEqual(tended, [1, 1])
})

for (const when of ['pass', 'tend'] as const) {
  test(`a lane that is fenced in its ${when} gives the lock back: another worker may own at once`, async (t) => {
    const databaseUrl = await createTestDatabase(t)
    let fenced = false
    const startLane = (actor: PartitionActor) => {
      const lane = new Lane(laneDeps(databaseUrl, { takeOver: async () => actor }))
      lane.start()
      t.after(() => lane.stop())
      return lane
    }
    const first = startLane({
      ...idleActor,
      [when]: async () => {
        fenced = true
        throw new Fenced('somebody else has moved on')
      },
    })
    const second = startLane(idleActor)
    await eventually(async () => assert.ok(await claims(first, 1)))
    first.tend(1)
    await eventually(() => fenced && first.owned.length === 0)
    await eventually(async () => assert.ok(await claims(second, 1)))
    assert.deepEqual([first.owned, second.owned], [[], [1]])
  })
}

test('a lane that finds no connection refuses a claim at once: other lanes have partitions to take', async (t) => {
  const nobodyListens = 'postgres://nobody@127.0.0.1:1/none'
  const takeOver = () => assert.fail('it has no connection')
  const lane = new Lane(laneDeps(nobodyListens, { takeOver }))
  lane.start()
  t.after(() => lane.stop())
  await assert.rejects(lane.claim([1]), /not connected/)
})

/** A lane that is connected, on a database of its own unless one is given. */
async function connectedLane(
  t: TestContext,
  takeOver: ActorFactory<LedgerStore>['takeOver'],
  changed: Partial<LaneDeps<LedgerStore>> = {},
): Promise<Lane<LedgerStore>> {
  const deps = changed.sessions
    ? laneDeps('', { takeOver })
    : laneDeps(await createTestDatabase(t), { takeOver })
  const lane = new Lane({ ...deps, ...changed })
  lane.start()
  t.after(() => lane.stop())
  await eventually(() => lane.connected)
  return lane
}

test('take-overs of one claim go on together, and one that fails keeps no other', async (t) => {
  const begun: number[] = []
  const all = Promise.withResolvers<void>()
  const lane = await connectedLane(t, async (partition) => {
    begun.push(partition)
    if (begun.length === 3) all.resolve()
    await all.promise
    if (partition === 2) throw new Error('cannot be taken over')
    return idleActor
  })
  const { owned, failed } = await lane.claim([1, 2, 3])
  assert.deepEqual(
    [owned, lane.owned.toSorted(), lane.stamped.toSorted()],
    [
      [1, 3],
      [1, 3],
      [1, 3],
    ],
  )
  assert.deepEqual(failed, [{ partition: 2, error: new Error('cannot be taken over') }])
  // Its lock was given back: it may be tried again.
  begun.length = 0
  assert.deepEqual((await lane.claim([2])).failed.length, 1)
  assert.deepEqual(begun, [2])
})

test('what is being taken over is stamped, each partition until it is known what became of it', async (t) => {
  const finish = new Map<number, PromiseWithResolvers<void>>()
  const lane = await connectedLane(t, async (partition) => {
    const end = Promise.withResolvers<void>()
    finish.set(partition, end)
    await end.promise
    return idleActor
  })
  const claim = lane.claim([1, 2])
  await eventually(() => assert.equal(finish.size, 2))
  assert.deepEqual([lane.owned, lane.stamped], [[], [1, 2]])
  finish.get(2)?.resolve()
  await eventually(() => assert.deepEqual(lane.owned, [2]))
  assert.deepEqual(lane.stamped, [2, 1])
  finish.get(1)?.reject(new Error('in the end not'))
  assert.deepEqual((await claim).owned, [2])
  assert.deepEqual([lane.owned, lane.stamped], [[2], [2]])
})

test('a claim takes a bounded number, and a pass has its turn before the next claim', async (t) => {
  const events: string[] = []
  const lane = await connectedLane(t, async (partition) => {
    events.push('take-over')
    return {
      ...idleActor,
      pass: async () => {
        if (partition === 1) events.push('pass')
        return { anything: partition === 1, arrivals: 0, parts: false }
      },
    }
  })
  await lane.claim([1])
  events.length = 0
  const others = Array.from({ length: claimMax + 2 }, (_, i) => i + 2)
  const [first, second] = [lane.claim(others), lane.claim(others.slice(claimMax))]
  assert.deepEqual((await first).owned, others.slice(0, claimMax))
  assert.deepEqual((await second).owned, others.slice(claimMax))
  const between = events.lastIndexOf('take-over') - 1
  assert.deepEqual(events.slice(between - 2, between), ['take-over', 'pass'])
})

test('locks that were taken although the answer failed are given back', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { open } = sessionsOn(databaseUrl)
  let failures = 1
  const sessions: Sessions<LedgerStore> = {
    open: async (onLost) => {
      const session = await open(onLost)
      const tryLock: typeof session.tryLock = async (partitions) => {
        const locked = await session.tryLock(partitions)
        if (failures-- > 0) throw new Error('by order of the test')
        return locked
      }
      return {
        ...{ store: session.store, lost: false, tryLock },
        unlock: (partition) => session.unlock(partition),
        close: () => session.close(),
      }
    },
  }
  const lane = await connectedLane(t, async () => idleActor, { sessions })
  await assert.rejects(lane.claim([1, 2]), /by order of the test/)
  assert.deepEqual([lane.owned, lane.stamped], [[], []])
  const other = await open(() => {})
  t.after(() => other.close())
  assert.deepEqual([...(await other.tryLock([1, 2]))].toSorted(), [1, 2])
})

test('a session that is lost in the middle of a claim leaves nothing owned, and the lane goes on', async (t) => {
  const { open } = sessionsOn(await createTestDatabase(t))
  const opened: Session<LedgerStore>[] = []
  const sessions: Sessions<LedgerStore> = {
    open: async (onLost) => {
      opened.push(await open(onLost))
      return opened.at(-1) as Session<LedgerStore>
    },
  }
  const end = Promise.withResolvers<void>()
  let begun = 0
  const takeOver = async (partition: number, ledger: LedgerStore) => {
    begun += 1
    if (partition === 1) return idleActor
    await end.promise
    await ledger.partition(partition)
    return idleActor
  }
  const lane = await connectedLane(t, takeOver, { sessions })
  const claim = lane.claim([1, 2, 3])
  await eventually(() => assert.equal(begun, 3))
  await opened[0]?.close()
  end.resolve()
  assert.deepEqual(
    (await claim).failed.map(({ partition }) => partition),
    [2, 3],
  )
  await eventually(() => assert.ok(opened.length === 2 && lane.connected))
  assert.deepEqual([lane.owned, lane.stamped], [[], []])
  assert.deepEqual((await lane.claim([1, 2, 3])).owned, [1, 2, 3])
})
