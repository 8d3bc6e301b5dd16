// What the runtime may rely on, whoever keeps its locks and its register. Run by each implementation of the ports.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  type OwnerRegistry,
  type Session,
  type Sessions,
  silentSeconds,
} from '../../../src/actor/ports.ts'
import { eventually } from '../../support/eventually.ts'

export interface WorkerPorts<Store> {
  readonly sessions: Sessions<Store>
  readonly registry: OwnerRegistry
}

export interface SessionsWorld<Store> {
  /** The ports of one more worker. */
  worker(): WorkerPorts<Store>
  /** From here on, everything that was stamped so far was stamped so many seconds earlier. */
  age(seconds: number): Promise<void>
  /** Rejects when what is done on the store has no effect any more. */
  use(store: Store): Promise<unknown>
}

const seenAs = async (registry: OwnerRegistry, partition: number) => {
  const { partitions } = await registry.survey()
  const seen = partitions.find((each) => each.partition === partition)
  assert.ok(seen, `the survey misses partition ${partition}`)
  return seen
}

/** Declares the suite's tests; `make` is called once for each. */
export function sessionsContract<Store>(
  name: string,
  make: (t: TestContext) => Promise<SessionsWorld<Store>>,
): void {
  const open = async (t: TestContext, { sessions }: WorkerPorts<Store>, onLost = () => {}) => {
    const session = await sessions.open(onLost)
    t.after(() => session.close())
    return session
  }
  const sessionOf = async (t: TestContext, ports: WorkerPorts<Store>, partition: number) => {
    const session = await open(t, ports)
    assert.deepEqual(await session.tryLock([partition]), [partition])
    return session
  }
  const lost = (session: Session<Store>) => eventually(() => assert.equal(session.lost, true))

  test(`${name}: a partition is one session's, until it is given back`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    const holder = await sessionOf(t, first, 3)
    const other = await open(t, second)
    assert.deepEqual(await other.tryLock([3]), [])
    assert.deepEqual(await other.tryLock([4]), [4])
    await holder.unlock(3)
    assert.deepEqual(await other.tryLock([3]), [3])
    assert.deepEqual(await holder.tryLock([3]), [])
  })

  test(`${name}: of many partitions a session gets, and stamps, those that are nobody's`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    const holder = await sessionOf(t, first, 21)
    const { session } = await seenAs(first.registry, 21)
    await world.age(silentSeconds + 1)
    const other = await open(t, second)
    const asked = [23, 21, 20, 22]
    assert.deepEqual([...(await other.tryLock(asked))].sort(), [20, 22, 23])
    for (const partition of [20, 22, 23]) {
      const seen = await seenAs(second.registry, partition)
      assert.deepEqual([seen.locked, seen.silent], [true, false])
      assert.notEqual(seen.session, session)
    }
    // What it did not get is as it was.
    const kept = await seenAs(second.registry, 21)
    assert.deepEqual([kept.locked, kept.silent, kept.session], [true, true, session])
    // Each is given back for itself, and once is enough.
    await other.unlock(22)
    assert.deepEqual([...(await holder.tryLock(asked.filter((each) => each !== 21)))], [22])
    assert.deepEqual(await other.tryLock([]), [])
  })

  test(`${name}: to give back what one does not have takes nothing from anybody`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    const holder = await sessionOf(t, first, 6)
    const other = await open(t, second)
    const before = await seenAs(first.registry, 6)
    await other.unlock(6)
    assert.deepEqual(await seenAs(first.registry, 6), before)
    assert.deepEqual(await other.tryLock([6]), [])
    await world.use(holder.store)
  })

  test(`${name}: locks end with their session, and so does what is done on it`, async (t) => {
    const world = await make(t)
    const worker = world.worker()
    const session = await sessionOf(t, worker, 5)
    await world.use(session.store)
    await session.close()
    assert.equal(session.lost, true)
    await assert.rejects(world.use(session.store))
    await assert.rejects(session.tryLock([6]))
    await eventually(async () => assert.equal((await seenAs(worker.registry, 5)).locked, false))
    await sessionOf(t, worker, 5)
  })

  test(`${name}: the survey shows every partition, and who locked and stamped it`, async (t) => {
    const world = await make(t)
    const worker = world.worker()
    const before = await worker.registry.survey()
    assert.deepEqual(
      before.partitions.map(({ partition }) => partition),
      Array.from({ length: 64 }, (_, i) => i),
    )
    const session = await sessionOf(t, worker, 7)
    const seen = await seenAs(worker.registry, 7)
    assert.equal(seen.locked, true)
    assert.equal(seen.silent, false)
    assert.notEqual(seen.session, null)
    assert.equal((await seenAs(worker.registry, 8)).session, null)
    await session.unlock(7)
    const after = await seenAs(worker.registry, 7)
    assert.deepEqual([after.locked, after.session], [false, null])
  })

  test(`${name}: an owner is silent when nobody stamps its partition, whatever others stamp`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    await sessionOf(t, first, 1)
    await sessionOf(t, first, 2)
    await world.age(silentSeconds + 1)
    await first.registry.stamp([1])
    await second.registry.stamp([2])
    assert.equal((await seenAs(second.registry, 1)).silent, false)
    assert.equal((await seenAs(second.registry, 2)).silent, true)
  })

  test(`${name}: a worker counts while it stamps, and not after it has signed off`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    const live = async () => (await first.registry.survey()).liveWorkers
    assert.equal(await live(), 1)
    await second.registry.stamp([])
    assert.equal(await live(), 2)
    await world.age(silentSeconds + 1)
    assert.equal(await live(), 1)
    await second.registry.stamp([])
    assert.equal(await live(), 2)
    await second.registry.signOff()
    assert.equal(await live(), 1)
  })

  test(`${name}: a silent owner is put down: its session is lost, and its locks are free`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    let told = 0
    const owner = await open(t, first, () => {
      told += 1
    })
    await owner.tryLock([9])
    await world.age(silentSeconds + 1)
    const { session } = await seenAs(second.registry, 9)
    await second.registry.putDown(9, session as number)
    const successor = await open(t, second)
    await eventually(async () => assert.deepEqual(await successor.tryLock([9]), [9]))
    await lost(owner)
    assert.equal(told, 1)
    await assert.rejects(world.use(owner.store))
    await assert.rejects(owner.unlock(9))
    assert.equal((await seenAs(second.registry, 9)).locked, true)
  })

  test(`${name}: an owner that has stamped meanwhile is not put down, nor is somebody else`, async (t) => {
    const world = await make(t)
    const [first, second] = [world.worker(), world.worker()]
    const owner = await sessionOf(t, first, 10)
    const bystander = await sessionOf(t, first, 11)
    await world.age(silentSeconds + 1)
    const seen = await seenAs(second.registry, 10)
    const other = await seenAs(second.registry, 11)
    await first.registry.stamp([10])
    await second.registry.putDown(10, seen.session as number)
    await second.registry.putDown(10, other.session as number)
    await world.use(owner.store)
    await world.use(bystander.store)
    assert.deepEqual([owner.lost, bystander.lost], [false, false])
  })
}
