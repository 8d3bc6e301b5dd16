// When a lane passes over which of its partitions, on a real PostgreSQL with an actor that only counts its passes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { pino } from 'pino'
import { Fenced, type Found, type PartitionActor } from '../../../src/actor/actor.ts'
import { gatherMs, Lane } from '../../../src/actor/lane.ts'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestDatabase } from '../../support/stores.ts'

test('after a crowd a partition gathers, and holds nobody else up; after a few it does not', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  // Time stands still, and what waits for less than the lane's own look-around waits for the test.
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
  const lane = new Lane({
    random: systemRandom,
    databaseUrl,
    workerId: '00000000-0000-7000-8000-000000000001',
    clock,
    log: pino({ level: 'silent' }),
    factory: {
      takeOver: async (partition) => ({
        pass: async () => {
          passes.set(partition, (passes.get(partition) ?? 0) + 1)
          const answer = found
          found = nothing
          return answer
        },
        tend: async () => {},
      }),
    },
  })
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

test('a partition that nobody wakes is looked at, however busy its neighbour is', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const passes = new Map<number, number>()
  const lane = new Lane({
    random: systemRandom,
    databaseUrl,
    workerId: '00000000-0000-7000-8000-000000000001',
    clock: systemClock,
    log: pino({ level: 'silent' }),
    factory: {
      takeOver: async (partition) => ({
        pass: async () => {
          passes.set(partition, (passes.get(partition) ?? 0) + 1)
          await systemClock.sleep(1)
          return { anything: partition === 1, arrivals: 0, parts: false }
        },
        tend: async () => {},
      }),
    },
  })
  lane.start()
  t.after(() => lane.stop())
  await eventually(async () => assert.ok(await lane.claim(1)))
  await lane.claim(2)
  await eventually(() => assert.ok((passes.get(2) ?? 0) >= 3))
  assert.ok((passes.get(1) ?? 0) > (passes.get(2) ?? 0))
})

for (const when of ['pass', 'tend'] as const) {
  test(`a lane that is fenced in its ${when} gives the lock back: another worker may own at once`, async (t) => {
    const databaseUrl = await createTestDatabase(t)
    let fenced = false
    const startLane = (workerId: string, actor: PartitionActor) => {
      const log = pino({ level: 'silent' })
      const factory = { takeOver: async () => actor }
      const lane = new Lane({
        databaseUrl,
        workerId,
        clock: systemClock,
        random: systemRandom,
        log,
        factory,
      })
      lane.start()
      t.after(() => lane.stop())
      return lane
    }
    const idle: PartitionActor = {
      pass: async () => ({ anything: false, arrivals: 0, parts: false }),
      tend: async () => {},
    }
    const first = startLane('00000000-0000-7000-8000-000000000001', {
      ...idle,
      [when]: async () => {
        fenced = true
        throw new Fenced('somebody else has moved on')
      },
    })
    const second = startLane('00000000-0000-7000-8000-000000000002', idle)
    await eventually(async () => assert.ok(await first.claim(1)))
    await eventually(() => fenced && first.owned.length === 0)
    await eventually(async () => assert.ok(await second.claim(1)))
    assert.deepEqual([first.owned, second.owned], [[], [1]])
  })
}

test('a lane that finds no connection refuses a claim at once: other lanes have partitions to take', async (t) => {
  const lane = new Lane({
    random: systemRandom,
    // Nobody listens there.
    databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
    workerId: '00000000-0000-7000-8000-000000000001',
    clock: systemClock,
    log: pino({ level: 'silent' }),
    factory: { takeOver: () => assert.fail('it has no connection') },
  })
  lane.start()
  t.after(() => lane.stop())
  await assert.rejects(lane.claim(1), /not connected/)
})
