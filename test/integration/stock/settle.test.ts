// Settling: after a commit the gate gets what the ledger says is free, exactly once, whether the script ran,
// failed, ran with its answer lost, came late, or was left to the next owner.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { settle } from '../../../src/stock/gate/scripts.ts'
import { channels, partitionKeys, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { failScript } from '../../support/fail-script.ts'
import type { LedgerFacts } from '../../support/stock-facts.ts'
import { StockWorld } from '../../support/stock-world.ts'

const script = 'stock/settle'

async function settleAt(world: StockWorld, sku: string, row: LedgerFacts, deltas: string[] = []) {
  const partition = partitionOf(sku)
  return settle(
    world.redis,
    { ...skuKeys(partition, sku), ready: partitionKeys(partition).ready },
    {
      sku,
      freed: channels.freed(partition),
      generation: row.generation,
      cursor: row.cursor,
      free: row.free,
      granted: row.granted,
    },
    deltas,
  )
}

test('a batch that frees units makes them buyable at once', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 2 })
  const id = await world.granted(sku, { units: 2 })
  await owner.runDry()
  assert.equal((await world.admit(sku)).tag, 'sold_out')
  await world.command('release', sku, { checkoutId: id })
  await owner.runDry()
  await world.granted(sku, { units: 2 })
  await owner.runDry()
  await world.assertSound(sku)
})

test('units granted between commit and settle are not given out twice', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10 })
  await world.granted(sku, { units: 4 })
  await owner.runDry()
  await world.granted(sku, { units: 1 })
  const failing = failScript(world.redis, script, { times: 9 })
  await owner.actor.pass()
  failing.stop()
  await world.granted(sku, { units: 3 })
  // Late: the gate has granted three more than the ledger knows of.
  await settleAt(world, sku, await world.ledger(sku))
  assert.deepEqual([(await world.ledger(sku)).free, (await world.gateOf(sku)).units], [5, 2])
  await owner.runDry()
  await world.assertSound(sku)
})

test('settling again with an older or the same cursor changes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10, limit: 5 })
  const buyerId = newId()
  await world.granted(sku, { units: 4, buyerId })
  await owner.runDry()
  const older = await world.ledger(sku)
  await world.granted(sku, { units: 1 })
  await owner.runDry()
  const now = await world.ledger(sku)
  for (const row of [older, now]) {
    await settleAt(world, sku, row, [buyerId, '-4'])
    await settleAt(world, sku, { ...row, free: 100 })
    assert.equal((await world.gateOf(sku)).units, 5)
    assert.equal(await world.counted(sku, buyerId), 4)
  }
})

test('settling for another generation changes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10 })
  await world.granted(sku)
  await owner.runDry()
  const row = await world.ledger(sku)
  for (const generation of [row.generation - 1, row.generation + 1]) {
    const reply = await settleAt(world, sku, { ...row, generation, cursor: 99, free: 100 })
    assert.equal(reply.tag, 'stale')
  }
  await world.assertSound(sku)
})

test('a mailbox is trimmed up to the cursor and no further', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10 })
  const { mailbox } = skuKeys(partitionOf(sku), sku)
  await world.granted(sku)
  await owner.runDry()
  const row = await world.ledger(sku)
  await world.granted(sku)
  await settleAt(world, sku, row)
  assert.equal(await world.redis.xlen(mailbox), 1)
  assert.equal(await world.redis.sismember(partitionKeys(partitionOf(sku)).ready, sku), 1)
  await owner.runDry()
  assert.equal(await world.redis.xlen(mailbox), 0)
  assert.equal(await world.redis.sismember(partitionKeys(partitionOf(sku)).ready, sku), 0)
})

for (const [name, after] of [
  ['failed', false],
  ['was carried out with its answer lost', true],
] as const) {
  test(`an owner that dies when its settle ${name} leaves it to the next, who does it once`, async (t) => {
    const world = await StockWorld.start(t)
    const { sku, owner } = await world.open({ units: 4, limit: 2 })
    const buyerId = newId()
    const id = await world.granted(sku, { buyerId, units: 2 })
    await owner.runDry()
    await world.command('release', sku, { checkoutId: id })
    const { failed } = failScript(world.redis, script, { after })
    await assert.rejects(owner.actor.pass(), /by order of the test/)
    assert.equal(failed(), 1)
    // The gate grants on while nobody owns the partition.
    await world.granted(sku, { buyerId: newId(), units: 2 })
    const next = await world.takeOver(partitionOf(sku))
    assert.equal(await world.counted(sku, buyerId), 0)
    await world.granted(sku, { buyerId, units: 2 })
    await next.runDry()
    const row = await world.assertSound(sku)
    assert.deepEqual([row.free, row.held], [0, 4])
  })

  test(`an owner whose settle ${name} gives the buyer's count back before it commits more`, async (t) => {
    const world = await StockWorld.start(t)
    const { sku, owner } = await world.open({ units: 4, limit: 2 })
    const [buyerId, other] = [newId(), newId()]
    const id = await world.granted(sku, { buyerId, units: 2 })
    await world.granted(sku, { buyerId: other })
    await owner.runDry()
    await world.command('release', sku, { checkoutId: id })
    failScript(world.redis, script, { after })
    await assert.rejects(owner.actor.pass(), /by order of the test/)
    await world.granted(sku, { buyerId: other })
    await owner.runDry()
    assert.equal(await world.counted(sku, buyerId), 0)
    assert.equal(await world.counted(sku, other), 2)
    await world.granted(sku, { buyerId, units: 2 })
    await owner.runDry()
    await world.assertSound(sku)
  })
}

test('a settle that failed quietly is made good by a later pass', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 4 })
  await world.granted(sku)
  await owner.runDry()
  await world.granted(sku)
  failScript(world.redis, script)
  await owner.runDry()
  assert.equal(await world.redis.xlen(skuKeys(partitionOf(sku), sku).mailbox), 0)
  await world.assertSound(sku)
})

test('a gate that has gone back in time is found out, and what comes after is sold', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10 })
  const sell = async () => {
    await world.granted(sku)
    await owner.runDry()
  }
  await sell()
  const { gate, mailbox } = skuKeys(partitionOf(sku), sku)
  const then = await Promise.all(
    [gate, mailbox].map(async (key) => [key, await world.redis.dumpBuffer(key)] as const),
  )
  await sell()
  await sell()
  // Redis as it was two commits ago, under the same run id.
  for (const [key, value] of then) await world.redis.restore(key, 0, value as Buffer, 'REPLACE')
  const swallowed = await world.granted(sku)
  await owner.runDry()
  assert.equal(await world.statusOf(swallowed), null)
  assert.equal((await world.gateOf(sku)).generation, 2)
  const sold = await world.granted(sku)
  await owner.runDry()
  assert.equal(await world.statusOf(sold), 'reserved')
  await world.assertSound(sku)
})

test('a full Redis is emptied by the commits of what fills it', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5_000 })
  const { mailbox } = skuKeys(partitionOf(sku), sku)
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 128 }, () => world.granted(sku)))
  }
  const used = Number(/used_memory:(\d+)/.exec(await world.redis.info('memory'))?.[1])
  await world.redis.config('SET', 'maxmemory', String(used - 50_000))
  assert.equal((await world.admit(sku)).tag, 'unavailable')
  await owner.runDry()
  assert.equal(await world.redis.xlen(mailbox), 0)
  await world.redis.config('SET', 'maxmemory', '0')
  await world.granted(sku)
  await owner.runDry()
  await world.assertSound(sku)
})
