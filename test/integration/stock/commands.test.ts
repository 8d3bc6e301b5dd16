// Commands that were born in PostgreSQL: posted at least once, carried out exactly once, whatever happens
// to the mailbox between.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { postStockCommand } from '../../../src/stock/gate/post-commands.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { StockWorld } from '../../support/stock-world.ts'

test('a command that is posted 20 times has one effect', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10, limit: 9 })
  const id = await world.granted(sku, { units: 3 })
  await owner.runDry()
  const commands = [
    await world.command('restock', sku, { units: 5 }),
    await world.command('release', sku, { checkoutId: id }),
  ]
  for (let i = 0; i < 10; i++) {
    for (const command of commands) await postStockCommand(world.gates, command)
    if (i === 5) await owner.runDry()
  }
  await Promise.all(
    Array.from({ length: 9 }, () =>
      commands.map((each) => postStockCommand(world.gates, each)),
    ).flat(),
  )
  await owner.runDry()
  const row = await world.assertSound(sku)
  assert.deepEqual([row.on_hand, row.free, row.held], [15, 15, 0])
})

test('a correction downwards that is posted 20 times takes its units once', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 100 })
  const command = await world.command('restock', sku, { units: -4 })
  for (let i = 0; i < 19; i++) await postStockCommand(world.gates, command)
  await owner.runDry()
  const row = await world.assertSound(sku)
  assert.deepEqual([row.on_hand, row.free], [96, 96])
})

test('a correction downwards takes its units at the gate, before the ledger knows', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  await world.command('restock', sku, { units: -3 })
  assert.equal((await world.admit(sku, { units: 3 })).tag, 'sold_out')
  await world.granted(sku, { units: 2 })
  await owner.runDry()
  const row = await world.assertSound(sku)
  assert.deepEqual([row.on_hand, row.free, row.held], [2, 0, 2])
})

test('a correction downwards of more than is free is closed and takes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  await world.granted(sku, { units: 4 })
  const { id } = await world.command('restock', sku, { units: -2 })
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'not enough free units')
  assert.equal((await world.assertSound(sku)).free, 1)
})

test('a release that comes before its reserve voids it', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, limit: 2 })
  const buyerId = newId()
  const checkoutId = world.ids.mint(partitionOf(sku), 0, buyerId)
  const { id } = await world.command('release', sku, { checkoutId })
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'voided')
  const ask = { sku, buyerId, units: 2, key: null, fingerprint: '' }
  const part = { ...ask, checkoutId, parts: 2 }
  assert.equal((await world.gate.admit(part)).tag, 'granted')
  await owner.runDry()
  assert.equal(await world.holdState(checkoutId, sku), 'void')
  assert.equal(await world.counted(sku, buyerId), 0)
  const row = await world.assertSound(sku)
  assert.deepEqual([row.free, row.held], [5, 0])
})

test('a command that nobody posted is posted by the owner', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const { id } = await world.command('restock', sku, { units: 1, post: false })
  await owner.actor.tend()
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), null, 'whoever wrote it gets a second to post it')
  await world.age()
  await owner.actor.tend()
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'restocked')
})

test('a command that went with Redis is posted again in the next generation', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const held = await world.granted(sku, { units: 2 })
  await owner.runDry()
  const { generation } = await world.ledger(sku)
  const release = await world.command('release', sku, { checkoutId: held })
  await world.redis.flushall()
  await world.age()
  await owner.actor.tend()
  await owner.runDry()
  assert.equal(await world.outcomeOf(release.id), 'released')
  const row = await world.assertSound(sku)
  assert.ok(row.generation > generation)
  assert.deepEqual([row.free, row.held], [5, 0])
})

test('a command of a SKU whose gate was never built waits for it and is carried out', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 5 })
  const owner = await world.takeOver(partitionOf(sku))
  const { id } = await world.command('restock', sku, { units: 2 })
  await owner.runDry()
  await world.age()
  await owner.actor.tend()
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'restocked')
  assert.equal((await world.assertSound(sku)).free, 7)
})

test('late money takes free units at the gate and sells them; without free units it sells nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 2, limit: 2 })
  const [a, b] = [newId(), newId()]
  const [first, second] = [
    await world.granted(sku, { buyerId: a }),
    await world.granted(sku, { buyerId: b }),
  ]
  await owner.runDry()
  for (const checkoutId of [first, second]) await world.command('release', sku, { checkoutId })
  await owner.runDry()
  const paid = await world.command('reclaim', sku, { checkoutId: first, units: 1 })
  await world.granted(sku)
  assert.equal((await world.admit(sku)).tag, 'sold_out')
  const late = await world.command('reclaim', sku, { checkoutId: second, units: 1 })
  await owner.runDry()
  assert.equal(await world.outcomeOf(paid.id), 'sold')
  assert.equal(await world.outcomeOf(late.id), 'not enough free units')
  assert.equal(await world.counted(sku, a), 1)
  assert.equal(await world.counted(sku, b), 0)
  const row = await world.assertSound(sku)
  assert.deepEqual([row.free, row.held, row.sold], [0, 1, 1])
})

test('selling and returning move units exactly once', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, limit: 3 })
  const buyerId = newId()
  const checkoutId = await world.granted(sku, { buyerId, units: 3 })
  await owner.runDry()
  const sell = await world.command('sell', sku, { checkoutId })
  await postStockCommand(world.gates, sell)
  await owner.runDry()
  assert.deepEqual((await world.assertSound(sku)).sold, 3)
  const back = await world.command('return', sku, { checkoutId })
  await owner.runDry()
  await postStockCommand(world.gates, back)
  await owner.runDry()
  const row = await world.assertSound(sku)
  assert.deepEqual([row.free, row.sold], [5, 0])
  assert.equal(await world.counted(sku, buyerId), 0)
})

test('a correction that was short at the gate takes nothing that buyers are granted meanwhile', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 7 })
  const held = await world.granted(sku, { units: 3 })
  await owner.runDry()
  // The gate has 4. Three more are on their way to it, and the ledger has them first.
  await world.command('release', sku, { checkoutId: held })
  const correction = await world.command('restock', sku, { units: -5 })
  const accepted = await world.granted(sku, { units: 4 })
  await owner.runDry()
  assert.equal(await world.outcomeOf(correction.id), 'not enough free units')
  assert.equal(await world.statusOf(accepted), 'reserved')
  assert.equal((await world.assertSound(sku)).free, 3)
})
