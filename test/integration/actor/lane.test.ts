// When a lane passes over which of its partitions, on a real PostgreSQL with an actor that only counts its passes.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type ActorFactory,
  Fenced,
  type Found,
  type PartitionActor,
} from '../../../src/actor/actor.ts'
import { gatherMs, Lane } from '../../../src/actor/lane.ts'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import { eventually } from '../../support/eventually.ts'
import { idleActor, laneDeps } from '../../support/owners.ts'
import { createTestDatabase } from '../../support/stores.ts'

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
  await eventually(async () => assert.ok(await lane.claim(1)))
  await lane.claim(2)
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
  await eventually(async () => assert.ok(await lane.claim(1)))
  await lane.claim(2)
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
  await eventually(async () => assert.ok(await lane.claim(1)))
  await lane.claim(2)
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
    await eventually(async () => assert.ok(await first.claim(1)))
    first.tend(1)
    await eventually(() => fenced && first.owned.length === 0)
    await eventually(async () => assert.ok(await second.claim(1)))
    assert.deepEqual([first.owned, second.owned], [[], [1]])
  })
}

test('a lane that finds no connection refuses a claim at once: other lanes have partitions to take', async (t) => {
  const nobodyListens = 'postgres://nobody@127.0.0.1:1/none'
  const takeOver = () => assert.fail('it has no connection')
  const lane = new Lane(laneDeps(nobodyListens, { takeOver }))
  lane.start()
  t.after(() => lane.stop())
  await assert.rejects(lane.claim(1), /not connected/)
})
