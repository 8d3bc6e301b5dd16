// A checkout over several SKUs whose process dies after any of its steps, or whose end comes from two sides
// at once: after its deadline every unit is back, once.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { pino } from 'pino'
import { createCancelCheckout } from '../../../src/flows/pay/cancel-checkout.ts'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { pgMoneyStore } from '../../../src/flows/pay/money/pg-money-store.ts'
import {
  Assembly,
  currenciesOf,
  decideAssemblies,
  giveUp,
  overdueAssemblies,
} from '../../../src/flows/reserve/assembly.ts'
import { findCheckout } from '../../../src/flows/reserve/checkout-repository.ts'
import { CommitListener } from '../../../src/flows/reserve/commit-listener.ts'
import { rejectAssemblies } from '../../../src/jobs/schedule.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { findOrder } from '../../../src/orders/order-repository.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { Gate, type GateOutcome } from '../../../src/stock/gate/gate.ts'
import { LocalRefusals } from '../../../src/stock/gate/local-refusals.ts'
import { RedisWakes } from '../../../src/stock/gate/redis-wakes.ts'
import type { GateRequest } from '../../../src/stock/ports.ts'
import { skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { expireNow, freeKey } from '../../support/purchases/change.ts'
import { checkoutUnderKey, linesOf, orderOf } from '../../support/purchases/find.ts'
import { holdSeconds, type Owner, StockWorld } from '../../support/stock-world.ts'
import { actorStrategyOf } from '../../support/strategy-shop.ts'

const stock = 5

/** Asks the real gate so many times; then its process is gone. */
class DyingGate extends Gate {
  #left: number

  constructor(world: StockWorld, calls: number) {
    super({
      gates: world.apiGates,
      ids: world.ids,
      refusals: new LocalRefusals({ gates: world.apiGates, clock: systemClock }),
      clock: systemClock,
      random: systemRandom,
      skuExists: async () => true,
      waitingUnitsMax: 1_000,
    })
    this.#left = calls
  }

  override admit(request: GateRequest): Promise<GateOutcome> | GateOutcome {
    if (this.#left-- <= 0) throw new Error('the process is gone')
    return super.admit(request)
  }
}

class Basket {
  readonly world: StockWorld
  readonly skus: readonly [string, string]
  readonly owners: readonly [Owner, Owner]
  readonly buyerId = newId()
  readonly key = newId()

  constructor(world: StockWorld, skus: [string, string], owners: [Owner, Owner]) {
    this.world = world
    this.skus = skus
    this.owners = owners
  }

  /** Two SKUs in two partitions, under a limit of 2. `listening`: the workers decide what is whole. */
  static async start(t: TestContext, { listening = false } = {}): Promise<Basket> {
    const world = await StockWorld.start(t)
    const { pool, gates, redis } = world
    const listener = new CommitListener({
      pool,
      gates,
      wakes: new RedisWakes({ subscriber: redis, publisher: redis }),
      holdSeconds,
      clock: systemClock,
      log: pino({ level: 'silent' }),
    })
    world.onClose(() => listener.idle())
    const open = async (partition: number) => {
      const sku = await world.addSku({ units: stock, limit: 2 }, partition)
      const owner = await world.takeOver(
        partition,
        listening
          ? { onCommitted: (partition, committed) => listener.committed(partition, committed) }
          : {},
      )
      await world.openGate(owner, sku)
      return [sku, owner] as const
    }
    const [a, b] = [await open(3), await open(4)]
    const skus: [string, string] = a[0] < b[0] ? [a[0], b[0]] : [b[0], a[0]]
    return new Basket(world, skus, a[0] < b[0] ? [a[1], b[1]] : [b[1], a[1]])
  }

  get purchase() {
    const lines = this.skus.map((sku) => ({ sku, quantity: 2 }))
    return { buyerId: this.buyerId, key: this.key, fingerprint: 'both', lines }
  }

  /** Begins the checkout in a process that dies after so many gates; its id. */
  async dieAfter(gates: number): Promise<string> {
    const { pool, apiGates, ids } = this.world
    const assembly = new Assembly({
      ...{ pool, gates: apiGates, ids, gate: new DyingGate(this.world, gates) },
      currencies: (skus) => currenciesOf(pool, skus),
    })
    const outcome = await assembly.reserve(this.purchase).catch((error: Error) => error)
    if (gates < 2) assert.match((outcome as Error).message, /process is gone/)
    return this.id()
  }

  async id(): Promise<string> {
    return checkoutUnderKey(this.world.pool, this.buyerId, this.key)
  }

  async runDry(): Promise<void> {
    for (const owner of this.owners) await owner.runDry()
  }

  async pastDeadline(id: string): Promise<void> {
    await expireNow(this.world.pool, id)
  }

  /** What the job does that looks after deadlines. */
  async lookAfterDeadlines(): Promise<void> {
    const { pool, gates } = this.world
    await giveUp({ pool, gates }, await overdueAssemblies(pool), 'overdue')
  }

  async allIsBack(): Promise<void> {
    await this.runDry()
    await this.world.age()
    for (const owner of this.owners) await owner.actor.tend()
    await this.runDry()
    for (const sku of this.skus) {
      const row = await this.world.assertSound(sku)
      assert.deepEqual([row.free, row.held], [stock, 0], sku)
      assert.equal((await this.world.gateOf(sku)).units, stock)
      assert.equal(await this.world.counted(sku, this.buyerId), 0)
    }
    assert.equal(await this.world.openCommands(), 0)
  }

  /** Both SKUs of the same buyer, to the limit: nothing of the dead attempt is in the way. */
  async buyAgain(): Promise<string> {
    const outcome = await actorStrategyOf(this.world).reserve(this.purchase)
    assert.equal(outcome.tag, 'accepted', JSON.stringify(outcome))
    return this.id()
  }

  /** The buyer gives it back. */
  cancel(id: string): Promise<void> {
    const { pool, ids } = this.world
    const strategy = actorStrategyOf(this.world)
    return createCancelCheckout({ store: pgMoneyStore(pool), ids, strategy })(id, this.buyerId)
  }
}

for (const [name, gates, commits] of [
  ['with its row only', 0, []],
  ['after the first gate', 1, []],
  ['after the first gate, whose part is committed', 1, [0]],
  ['after all gates', 2, []],
  ['after all gates, with one part committed', 2, [1]],
  ['after all gates, with every part committed and nobody to decide', 2, [0, 1]],
] as const) {
  test(`a checkout whose process dies ${name} gives everything back after its deadline`, async (t) => {
    const basket = await Basket.start(t)
    const id = await basket.dieAfter(gates)
    for (const index of commits) await basket.owners[index].runDry()
    await basket.lookAfterDeadlines()
    assert.equal(await basket.world.statusOf(id), 'assembling', 'its deadline has not come')
    await basket.pastDeadline(id)
    await basket.lookAfterDeadlines()
    assert.equal(await basket.world.statusOf(id), 'rejected overdue')
    await basket.allIsBack()
    const again = await basket.buyAgain()
    assert.notEqual(again, id)
    await basket.runDry()
    const decided = await decideAssemblies(basket.world.pool, [again], holdSeconds)
    assert.equal(decided.length, 1)
  })
}

test('a gate that is asked after the deadline grants nothing that stays', async (t) => {
  const basket = await Basket.start(t)
  const id = await basket.dieAfter(1)
  await basket.pastDeadline(id)
  await basket.lookAfterDeadlines()
  await basket.runDry()
  // The process only seemed dead: now it asks the second gate.
  const [, sku] = basket.skus
  const { buyerId } = basket
  const ask = { sku, buyerId, units: 2, key: null, fingerprint: '' }
  const part = { ...ask, checkoutId: id, parts: 2 }
  assert.equal((await basket.world.gate.admit(part)).tag, 'granted')
  await basket.runDry()
  assert.equal(await basket.world.holdState(id, sku), 'void')
  await basket.allIsBack()
})

test('a checkout becomes reserved when its last part is committed, once', async (t) => {
  const basket = await Basket.start(t, { listening: true })
  const id = await basket.buyAgain()
  await basket.owners[1].runDry()
  assert.equal(await basket.world.statusOf(id), 'assembling')
  const { pool } = basket.world
  const asked = await findCheckout(pool, id, basket.buyerId)
  assert.deepEqual(
    asked?.view.items,
    basket.skus.toSorted().map((sku) => ({ sku, quantity: 2 })),
  )
  await basket.owners[0].runDry()
  const decisions = await Promise.all(
    Array.from({ length: 5 }, () => decideAssemblies(pool, [id], holdSeconds)),
  )
  assert.ok(decisions.flat().length <= 1)
  assert.equal(await basket.world.statusOf(id), 'reserved')
  assert.equal((await orderOf(pool, id)).total, 4_000)
  assert.equal((await linesOf(pool, id)).length, 2)
})

test('one whose parts are all held is reserved, although whoever saw to it has died', async (t) => {
  const basket = await Basket.start(t)
  const id = await basket.buyAgain()
  for (const owner of basket.owners) await owner.runDry()
  const { world } = basket
  assert.equal(await world.statusOf(id), 'assembling')
  await basket.pastDeadline(id)
  await rejectAssemblies({ pool: world.pool, gates: world.gates, holdSeconds })
  assert.equal(await world.statusOf(id), 'reserved')
})

test('a part that the ledger refuses takes the whole checkout back', async (t) => {
  const basket = await Basket.start(t, { listening: true })
  const { world } = basket
  const [, sku] = basket.skus
  // Somebody else has the units; the gate believes otherwise.
  await world.granted(sku, { units: 2 })
  await world.granted(sku, { units: 2 })
  await basket.owners[1].runDry()
  await world.redis.hincrby(skuKeys(partitionOf(sku), sku).gate, 'units', 3)
  const id = await basket.buyAgain()
  await basket.runDry()
  for (let i = 0; (await world.statusOf(id)) === 'assembling'; i++) {
    assert.ok(i < 200, 'nobody gives it up')
    await basket.runDry()
  }
  assert.equal(await world.statusOf(id), 'rejected refused by the ledger')
  await basket.runDry()
  await world.age()
  for (const owner of basket.owners) await owner.actor.tend()
  await basket.runDry()
  const [first, second] = [
    await world.assertSound(basket.skus[0]),
    await world.assertSound(basket.skus[1]),
  ]
  assert.deepEqual([first.held, second.held], [0, 4])
})

test('a decision and a deadline that meet end the checkout one way', async (t) => {
  const basket = await Basket.start(t)
  for (let round = 0; round < 8; round++) {
    const id = await basket.buyAgain()
    await basket.runDry()
    await basket.pastDeadline(id)
    const { pool } = basket.world
    const [decided] = await Promise.all([
      decideAssemblies(pool, [id], holdSeconds),
      basket.lookAfterDeadlines(),
    ])
    const status = await basket.world.statusOf(id)
    assert.equal(status, decided.length === 1 ? 'reserved' : 'rejected overdue')
    if (decided.length === 1) {
      await basket.cancel(id)
      await freeKey(pool, id)
    }
    await basket.allIsBack()
  }
})

for (const first of ['decision', 'deadline'] as const) {
  test(`a decision and a deadline that wait for one row, the ${first} in front, end it that way`, async (t) => {
    const basket = await Basket.start(t)
    const { world, buyerId } = basket
    const id = await basket.buyAgain()
    await basket.runDry()
    await basket.pastDeadline(id)
    const ends = {
      decision: () => decideAssemblies(world.pool, [id], holdSeconds),
      deadline: () => basket.lookAfterDeadlines(),
    }
    const second = first === 'decision' ? 'deadline' : 'decision'
    const { ended } = await world.whileCheckoutLocked(id, async () => {
      const early = ends[first]()
      await world.blocked(1, '%')
      const late = ends[second]()
      await world.blocked(2, '%')
      return { ended: Promise.all([early, late]) }
    })
    await ended
    const order = await findOrder(world.pool, { id: buyerId, role: 'buyer' }, id)
    if (first === 'decision') {
      assert.equal(await world.statusOf(id), 'reserved')
      assert.deepEqual([order?.status, order?.items.length], ['awaiting_payment', 2])
      await basket.cancel(id)
    } else {
      assert.equal(await world.statusOf(id), 'rejected overdue')
      assert.equal(order, null)
    }
    await basket.allIsBack()
  })
}

test('a buyer who cancels while it is assembled gets nothing that stays', async (t) => {
  for (const gates of [0, 1, 2]) {
    const basket = await Basket.start(t)
    const id = await basket.dieAfter(gates)
    await Promise.all([1, 2, 3].map(() => basket.cancel(id)))
    assert.equal(await basket.world.statusOf(id), 'cancelled by buyer')
    assert.deepEqual(await decideAssemblies(basket.world.pool, [id], holdSeconds), [])
    await basket.allIsBack()
  }
})

test('the sweep and the buyer who meet give every part back once', async (t) => {
  const basket = await Basket.start(t)
  const id = await basket.buyAgain()
  await basket.runDry()
  const { pool } = basket.world
  assert.equal((await decideAssemblies(pool, [id], holdSeconds)).length, 1)
  await basket.pastDeadline(id)
  const money = { store: pgMoneyStore(pool), strategy: actorStrategyOf(basket.world) }
  const sweep = () => expireHolds(money)
  await Promise.all([sweep(), basket.cancel(id), sweep(), basket.cancel(id)])
  const releases = await pool.one(sql.typeAlias('count')`
    select count(*)::int as count from stock_commands where checkout_id = ${id} and kind = 'release'`)
  assert.equal(releases.count, 2)
  await basket.allIsBack()
})
