// Rules of the commit, on real stores with owners driven by hand: a batch is all or nothing, fenced by the
// cursor, and a checkout that PostgreSQL contradicts takes nobody else down with it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { commitPass } from '../../../src/stock/owner/commit-pass.ts'
import { readMailboxes } from '../../../src/stock/owner/read-mailbox.ts'
import { requestsKey, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { checkoutOf, linesOf, orderOf } from '../../support/purchases/find.ts'
import { everyRow } from '../../support/purchases/traces.ts'
import { writeTombstones } from '../../support/purchases/write.ts'
import { holdSeconds, StockWorld } from '../../support/stock-world.ts'

test('of two owners with one batch one commits; the other is fenced and changes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10, limit: 3 })
  const zombie = await world.takeOver(partitionOf(sku))
  for (let i = 0; i < 4; i++) await world.granted(sku, { units: 2 })
  const passes = await world.whileLocked(sku, async () => {
    const running = Promise.allSettled([owner.actor.pass(), zombie.actor.pass()])
    // Both have read the batch, and both wait inside their transaction.
    await world.blocked(2)
    return { running }
  })
  const failures = (await passes.running).flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as Error).name] : [],
  )
  assert.deepEqual(failures, ['Fenced'])
  assert.equal(owner.committed.length + zombie.committed.length, 1)
  assert.equal((await world.assertSound(sku)).held, 8)
})

test('a batch that was committed before changes nothing when it is committed again', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10, limit: 3 })
  await world.granted(sku, { units: 2 })
  const [row] = await owner.ledger.rows([sku])
  assert.ok(row)
  const [mail] = await readMailboxes(world.mailbox, partitionOf(sku), [row.state])
  const entries = mail?.entries ?? []
  await owner.runDry()
  const before = await everyRow(world.pool)
  await assert.rejects(commitPass(owner.ledger, [{ state: row.state, entries }], holdSeconds), {
    name: 'Fenced',
  })
  assert.deepEqual(await everyRow(world.pool), before)
})

test('a batch of an older generation is fenced although its cursor is the one in the ledger', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 10, limit: 3 })
  const id = await world.granted(sku, { units: 2 })
  const [row] = await owner.ledger.rows([sku])
  assert.ok(row)
  const [mail] = await readMailboxes(world.mailbox, partitionOf(sku), [row.state])
  const entries = mail?.entries ?? []
  await world.redis.flushall()
  await owner.actor.tend()
  // A rebuild begins every mailbox anew: the cursor alone does not tell the old one from the new one.
  const { generation, cursor } = await world.ledger(sku)
  assert.deepEqual([generation, cursor], [row.state.generation + 1, row.state.cursor])
  const before = await everyRow(world.pool)
  await assert.rejects(commitPass(owner.ledger, [{ state: row.state, entries }], holdSeconds), {
    name: 'Fenced',
  })
  assert.deepEqual(await everyRow(world.pool), before)
  assert.equal(await world.statusOf(id), null)
  await world.assertSound(sku)
})

test('a batch over several SKUs is rolled back as a whole when one of them is fenced', async (t) => {
  const world = await StockWorld.start(t)
  const { sku: a, owner } = await world.open({ units: 5 })
  const b = await world.addSku({ units: 5 }, partitionOf(a))
  await world.openGate(owner, b)
  await world.granted(a)
  await world.granted(b)
  const states = (await owner.ledger.rows([a, b])).map(({ state }) => state)
  const mails = await readMailboxes(world.mailbox, partitionOf(a), states)
  await world.pool.query(sql.typeAlias('none')`update ledger set cursor = 9 where sku = ${b}`)
  const before = await everyRow(world.pool)
  const work = states.map((state, i) => ({ state, entries: mails[i]?.entries ?? [] }))
  await assert.rejects(commitPass(owner.ledger, work, holdSeconds), { name: 'Fenced' })
  assert.deepEqual(await everyRow(world.pool), before)
})

test('a batch with a taken key, a passed limit and a tombstone commits the rest', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 20, limit: 2 })
  const [buyer, greedy, hasty] = [newId(), newId(), newId()]
  const winner = await world.granted(sku, { buyerId: buyer, key: 'k' })
  await world.granted(sku, { buyerId: greedy, units: 2 })
  await owner.runDry()
  // The gate forgets what PostgreSQL knows.
  const partition = partitionOf(sku)
  await world.redis.del(
    requestsKey(partition, systemClock.now(), 0),
    skuKeys(partition, sku).buyers,
  )
  const loser = await world.granted(sku, { buyerId: buyer, key: 'k' })
  const over = await world.granted(sku, { buyerId: greedy })
  const gone = await world.granted(sku, { buyerId: hasty })
  await writeTombstones(world.pool, [{ id: gone, buyerId: hasty }])
  const good = await Promise.all([1, 2, 3].map(() => world.granted(sku)))
  await owner.runDry()
  assert.equal(await world.statusOf(loser), 'rejected duplicate')
  assert.equal(await world.statusOf(over), 'rejected limit')
  assert.equal(await world.statusOf(gone), 'cancelled')
  for (const id of good) assert.equal(await world.statusOf(id), 'reserved')
  assert.equal((await checkoutOf(world.pool, loser))?.duplicateOf, winner)
  const row = await world.assertSound(sku)
  assert.deepEqual([row.free, row.held], [14, 6])
  // What was refused counts for nobody, at the gate neither.
  assert.equal(await world.counted(sku, hasty), 0)
})

test('units that PostgreSQL does not have are refused although the gate granted them', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 2 })
  await world.redis.hset(skuKeys(partitionOf(sku), sku).gate, 'units', 5)
  const ids = await Promise.all([1, 2, 3, 4].map(() => world.granted(sku)))
  await owner.runDry()
  const statuses = await Promise.all(ids.map((id) => world.statusOf(id)))
  assert.deepEqual(statuses.sort(), ['rejected units', 'rejected units', 'reserved', 'reserved'])
  assert.equal((await world.assertSound(sku)).held, 2)
  assert.equal((await world.admit(sku)).tag, 'sold_out')
})

test('one key on two SKUs at once has one winner; the loser gives its units back', async (t) => {
  const world = await StockWorld.start(t)
  const a = await world.open({ units: 5 }, 3)
  const b = await world.open({ units: 5 }, 4)
  const request = { buyerId: newId(), key: 'one key' }
  // At two API processes: one remembers its keys over all SKUs.
  const second = { ...request, gate: world.newGate() }
  const ids = [await world.granted(a.sku, request), await world.granted(b.sku, second)]
  await Promise.all([a.owner.runDry(), b.owner.runDry()])
  const statuses = await Promise.all(ids.map((id) => world.statusOf(id)))
  assert.deepEqual(statuses.sort(), ['rejected duplicate', 'reserved'])
  const rows = [await world.assertSound(a.sku), await world.assertSound(b.sku)]
  assert.equal(
    rows.reduce((sum, { held }) => sum + held, 0),
    1,
  )
})

test('one key on two SKUs of one batch has one winner', async (t) => {
  const world = await StockWorld.start(t)
  const { sku: a, owner } = await world.open({ units: 5 })
  const b = await world.addSku({ units: 5 }, partitionOf(a))
  await world.openGate(owner, b)
  const request = { buyerId: newId(), key: 'one key' }
  const first = await world.granted(a, request)
  await world.redis.del(requestsKey(partitionOf(a), systemClock.now(), 0))
  const second = await world.granted(b, { ...request, gate: world.newGate() })
  await owner.runDry()
  const statuses = await Promise.all([first, second].map((id) => world.statusOf(id)))
  assert.deepEqual(statuses.sort(), ['rejected duplicate', 'reserved'])
  await world.assertSound(a)
  await world.assertSound(b)
})

test('an order has the price that its admission promised, not a later one', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, price: 700 })
  const id = await world.granted(sku, { units: 2 })
  await world.pool.query(sql.typeAlias('none')`update variants set price = 900 where sku = ${sku}`)
  await owner.runDry()
  assert.deepEqual(await linesOf(world.pool, id), [{ sku, unitPrice: 700 }])
  assert.equal((await orderOf(world.pool, id)).total, 1_400)
})

test('a hold lasts from its commit on, by the clock of PostgreSQL', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const id = await world.granted(sku)
  await owner.runDry()
  const { createdAt } = await orderOf(world.pool, id)
  const deadline = (await checkoutOf(world.pool, id))?.expiresAt
  assert.ok(deadline)
  const lastsMs = deadline.getTime() - createdAt.getTime()
  assert.ok(Math.abs(lastsMs - holdSeconds * 1_000) <= 1_000, `${lastsMs} ms`)
  assert.deepEqual(owner.committed[0]?.deadline, deadline)
})

test('below zero is impossible by direct SQL too', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 3 })
  for (const change of [
    sql.fragment`free = free - 4, held = held + 4`,
    sql.fragment`free = free - 1`,
    sql.fragment`held = -1, free = free + 1`,
    sql.fragment`on_hand = 1`,
  ]) {
    await assert.rejects(
      world.pool.query(sql.typeAlias('none')`update ledger set ${change} where sku = ${sku}`),
      /check integrity constraint/,
    )
  }
  await assert.rejects(
    world.pool.query(sql.typeAlias('none')`
      insert into buyer_units (pool, buyer_id, units, unit_limit) values ('p', ${newId()}, 3, 2)`),
    /check integrity constraint/,
  )
})
