// Redis loses everything, a key, or its last seconds, in the middle of a sale. After each: exactly the stock
// is sold, what Redis still had is committed, what it lost is told to be lost, and a retry finds its checkout.
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Checkouts } from '../../../src/flows/reserve/checkouts.ts'
import { offerSource } from '../../../src/flows/reserve/offer-source.ts'
import { Results } from '../../../src/flows/reserve/results.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { RedisWakes } from '../../../src/stock/gate/redis-wakes.ts'
import { partitionKeys, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { failScript } from '../../support/fail-script.ts'
import { writeTombstones } from '../../support/purchases/write.ts'
import { type Owner, StockWorld } from '../../support/stock-world.ts'

interface Bought {
  readonly buyerId: string
  readonly key: string
  readonly id: string
}

/** A sale in its middle: three are committed, three wait in the mailbox, and one was given back. */
class Sale {
  readonly world: StockWorld
  readonly sku: string
  readonly owner: Owner
  readonly committed: Bought[] = []
  readonly waiting: Bought[] = []
  static readonly stock = 12

  constructor(world: StockWorld, sku: string, owner: Owner) {
    this.world = world
    this.sku = sku
    this.owner = owner
  }

  static async start(world: StockWorld): Promise<Sale> {
    const { sku, owner } = await world.open({ units: Sale.stock, limit: 1 })
    const sale = new Sale(world, sku, owner)
    const given = await sale.buy()
    for (let i = 0; i < 3; i++) sale.committed.push(await sale.buy())
    await owner.runDry()
    await world.command('release', sku, { checkoutId: given.id })
    await owner.runDry()
    for (let i = 0; i < 3; i++) sale.waiting.push(await sale.buy())
    return sale
  }

  async buy(): Promise<Bought> {
    const [buyerId, key] = [newId(), newId()]
    return { buyerId, key, id: await this.world.granted(this.sku, { buyerId, key }) }
  }

  get keys() {
    const partition = partitionOf(this.sku)
    return { ...partitionKeys(partition), ...skuKeys(partition, this.sku) }
  }

  async status({ id, buyerId }: Bought): Promise<string> {
    const { world } = this
    const { pool, ids, redis } = world
    const strategy = {
      reserve: () => assert.fail(),
      post: async () => {},
      available: async () => 0,
    }
    const results = new Results({
      wakes: new RedisWakes({ subscriber: redis, publisher: redis }),
      clock: systemClock,
    })
    const checkouts = new Checkouts({ pool, ids, strategy, results, clock: systemClock })
    return (await checkouts.get(id, buyerId)).status
  }

  /** Whoever retries with the key of a committed checkout gets it back; of a lost one, a fresh one. */
  async retry(bought: Bought): Promise<string> {
    const { buyerId, key } = bought
    const outcome = await this.world.admit(this.sku, { buyerId, key })
    assert.ok(outcome.tag === 'granted' || outcome.tag === 'repeated', JSON.stringify(outcome))
    return outcome.checkoutId
  }

  /** Judges the rest of the sale: sells out, and compares what was told with what is there. */
  async finish(owner: Owner, { lost }: { lost: boolean }): Promise<void> {
    const { world, sku } = this
    await owner.runDry()
    const before = await world.assertSound(sku)
    assert.equal(before.held, lost ? 3 : 6)
    for (const bought of this.committed) {
      assert.equal(await this.status(bought), 'reserved')
      assert.equal(await this.retry(bought), bought.id)
    }
    for (const bought of this.waiting) {
      assert.equal(await this.status(bought), lost ? 'lost' : 'reserved')
      const again = await this.retry(bought)
      if (lost) assert.notEqual(again, bought.id)
      else assert.equal(again, bought.id)
    }
    // The limit of one is kept, and the rest is sold to the last unit.
    const [first] = this.committed
    const second = await world.admit(sku, { buyerId: first?.buyerId ?? '' })
    assert.equal(second.tag, 'over_limit')
    for (let left = Sale.stock - 6; left > 0; left--) await this.buy()
    assert.equal((await world.admit(sku)).tag, 'sold_out')
    await owner.runDry()
    const row = await world.assertSound(sku)
    assert.deepEqual([row.free, row.held], [0, Sale.stock])
    assert.equal((await world.gateOf(sku)).units, 0)
  }
}

test('Redis is emptied: what it had not passed on is lost, and not a unit is', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.flushall()
  assert.equal(await sale.status(sale.waiting[0] as Bought), 'queued')
  await sale.owner.actor.tend()
  await sale.finish(sale.owner, { lost: true })
})

test('nobody is admitted between the loss and the rebuild', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.flushall()
  const outcome = await sale.world.admit(sale.sku)
  assert.deepEqual(outcome, { tag: 'unavailable', uncertain: false })
  assert.equal(await sale.world.redis.exists(sale.keys.mailbox, sale.keys.gate), 0)
})

test('the gate is deleted by hand: what its mailbox holds is committed, and a new gate is built', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.del(sale.keys.gate)
  // A buyer finds it missing and asks for one.
  const buying = sale.world.admit(sale.sku, { units: Sale.stock })
  await eventually(async () => {
    assert.equal(await sale.world.redis.sismember(sale.keys.wanted, sale.sku), 1)
  })
  await sale.owner.actor.pass()
  assert.equal((await buying).tag, 'over_limit')
  await sale.finish(sale.owner, { lost: false })
})

test('the gate is deleted by hand while nobody asks: its owner notices by what waits there', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.del(sale.keys.gate)
  await sale.finish(sale.owner, { lost: false })
})

test('the mailbox is deleted by hand: what was in it is lost, and its units come back', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.del(sale.keys.mailbox)
  await sale.finish(sale.owner, { lost: true })
})

test('the mailbox is deleted by hand, and others are admitted before anybody notices', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.del(sale.keys.mailbox)
  sale.waiting.push(await sale.buy())
  await sale.owner.runDry()
  assert.ok(sale.owner.warnings.some((warning) => warning.includes('lost')))
  for (const bought of sale.waiting) assert.equal(await sale.status(bought), 'lost')
  sale.waiting.length = 3
  await sale.finish(sale.owner, { lost: true })
})

test('the partition is deleted by hand: mailboxes are still committed', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  await sale.world.redis.del(sale.keys.partition)
  await sale.owner.actor.tend()
  await sale.finish(sale.owner, { lost: false })
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`Redis is ended by ${signal} and comes back with its append-only file: nothing is lost`, async (t) => {
    const sale = await Sale.start(await StockWorld.start(t))
    const { world, owner } = sale
    await world.redisServer.kill(signal)
    await world.redisServer.ended
    await world.redisServer.restart()
    await world.redisIsBack()
    // Another process: what it has may be old, so it admits nobody before the rebuild.
    const gate = world.newGate({ impatient: true })
    assert.equal((await world.admit(sale.sku, { gate })).tag, 'unavailable')
    const patient = world.admit(sale.sku, { units: Sale.stock })
    await owner.actor.tend()
    assert.equal((await patient).tag, 'over_limit')
    await sale.finish(owner, { lost: false })
  })
}

test('Redis comes back as it was a while ago: no unit is sold twice and none is stranded', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  const { world, owner } = sale
  const { redisServer } = world
  const [live, copy] = ['', '.copy'].map((end) => join(redisServer.dir, `appendonlydir${end}`))
  cpSync(live as string, copy as string, { recursive: true })
  // The sale goes on: what waited is committed, more is sold, and more waits.
  await owner.runDry()
  sale.committed.push(...sale.waiting.splice(0))
  const later = [await sale.buy(), await sale.buy()]
  await owner.runDry()
  const unseen = await sale.buy()
  await redisServer.stop()
  rmSync(live as string, { recursive: true })
  cpSync(copy as string, live as string, { recursive: true })
  await redisServer.restart()
  await world.redisIsBack()
  await owner.actor.tend()
  await owner.runDry()
  assert.equal((await world.assertSound(sale.sku)).held, 8)
  assert.equal(await sale.status(unseen), 'lost')
  for (const bought of [...sale.committed, ...later]) {
    assert.equal(await sale.status(bought), 'reserved')
    assert.equal(await sale.retry(bought), bought.id)
  }
  assert.notEqual(await sale.retry(unseen), unseen.id)
  for (let left = Sale.stock - 9; left > 0; left--) await sale.buy()
  assert.equal((await world.admit(sale.sku)).tag, 'sold_out')
  await owner.runDry()
  assert.equal((await world.assertSound(sale.sku)).held, Sale.stock)
})

test('of two owners that rebuild at once one wins, and the sale goes on', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  const { world, owner } = sale
  const other = await world.takeOver(partitionOf(sale.sku))
  const { generation } = await world.ledger(sale.sku)
  await world.redis.flushall()
  const { rebuilding } = await world.whileLocked(sale.sku, async () => {
    const both = Promise.allSettled([owner.actor.tend(), other.actor.tend()])
    await world.blocked(2)
    return { rebuilding: both }
  })
  const outcomes = await rebuilding
  const fenced = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as Error).name] : [],
  )
  assert.deepEqual(fenced, ['Fenced'])
  const winner = outcomes[0]?.status === 'fulfilled' ? owner : other
  assert.equal((await world.ledger(sale.sku)).generation, generation + 1)
  assert.equal(await world.redis.hget(sale.keys.partition, 'open'), '1')
  await sale.finish(winner, { lost: true })
})

for (const script of ['install-gate', 'open-partition'] as const) {
  test(`a rebuild that dies before ${script} admits nobody and is finished by the next owner`, async (t) => {
    const sale = await Sale.start(await StockWorld.start(t))
    const { world, owner } = sale
    // As if Redis had been exchanged under a live owner.
    await world.redis.hset(sale.keys.partition, 'run_id', 'another')
    failScript(world.redis, `stock/${script}`)
    await assert.rejects(owner.actor.tend(), /by order of the test/)
    assert.equal((await world.admit(sale.sku)).tag, 'unavailable')
    const next = await world.takeOver(partitionOf(sale.sku))
    await sale.finish(next, { lost: false })
  })
}

test('a rebuild that cannot learn the offers admits nobody and is finished by the same owner', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  const { world } = sale
  const offers = offerSource(world.pool)
  let failing = true
  const owner = await world.takeOver(partitionOf(sale.sku), {
    offers: {
      offers: (skus) => (failing ? Promise.reject(new Error('no offers')) : offers.offers(skus)),
    },
  })
  await world.redis.flushall()
  await assert.rejects(owner.actor.tend(), /no offers/)
  failing = false
  await owner.actor.tend()
  await sale.finish(owner, { lost: true })
})

test('an owner that has lost its connection does not close what its successor has opened', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  const { world, owner: zombie } = sale
  await zombie.actor.pass()
  await world.redis.flushall()
  const owner = await world.takeOver(partitionOf(sale.sku))
  await sale.buy()
  await zombie.connection.close()
  // What it reads tells it that something is amiss: it would build everything anew.
  await assert.rejects(zombie.actor.pass())
  assert.equal(await world.redis.hget(sale.keys.partition, 'open'), '1')
  await sale.buy()
  await owner.runDry()
  assert.equal((await world.assertSound(sale.sku)).held, 8)
})

test('a fenced owner cannot undo the rebuild of another', async (t) => {
  const sale = await Sale.start(await StockWorld.start(t))
  const { world, owner: zombie } = sale
  await world.redis.flushall()
  const owner = await world.takeOver(partitionOf(sale.sku))
  const { units } = await world.gateOf(sale.sku)
  const bought = await sale.buy()
  const outcome = await zombie.actor.pass().then(
    () => 'nothing',
    (error: Error) => error.name,
  )
  // It may find itself fenced, or rebuild once more: either way the buyer keeps the unit.
  assert.ok(['nothing', 'Fenced'].includes(outcome), outcome)
  await owner.actor.tend().catch((error: Error) => assert.equal(error.name, 'Fenced'))
  const last = await world.takeOver(partitionOf(sale.sku))
  await last.runDry()
  assert.equal(await sale.status(bought), 'reserved')
  assert.equal((await world.assertSound(sale.sku)).free, units - 1)
})

test('records of requests are found again behind thousands of checkouts without units', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const partition = partitionOf(sku)
  const old = Array.from({ length: 2_100 }, () => {
    const buyerId = newId()
    return { id: world.ids.mint(partition, 1, buyerId), buyerId }
  })
  await writeTombstones(world.pool, old)
  const [buyerId, key] = [newId(), newId()]
  const id = await world.granted(sku, { buyerId, key })
  await owner.runDry()
  await world.redis.flushall()
  await owner.actor.tend()
  assert.deepEqual(await world.admit(sku, { buyerId, key }), {
    tag: 'repeated',
    checkoutId: id,
    fingerprint: `${sku}*1`,
  })
})

test('a mailbox that PostgreSQL knows nothing of does not make the owner rebuild for ever', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 5 })
  const owner = await world.takeOver(partitionOf(sku))
  // As after PostgreSQL came back from a backup that is older than the gate.
  await world.redis.sadd(partitionKeys(partitionOf(sku)).ready, sku)
  await owner.runDry()
  await world.openGate(owner, sku)
  await world.granted(sku)
  await owner.runDry()
  assert.equal((await world.assertSound(sku)).held, 1)
  const Row = sql.typeAlias('count')`
    select generation::int as count from partitions where partition = ${partitionOf(sku)}`
  assert.ok((await world.pool.one(Row)).count <= 2)
})
