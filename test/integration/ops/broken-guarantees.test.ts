// Each guarantee, broken on purpose behind the shop's back, is named with its SKU and a repair, and no other
// is. A whole shop on real stores.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { requestsKey, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import {
  asIfWorked,
  assertBroken,
  assertKept,
  check,
  startedLongAgo,
  usedSystem,
} from '../../support/guarantees.ts'
import { endCheckout, moveDeadline } from '../../support/purchases/change.ts'
import {
  dropKeyIndex,
  forgetLines,
  forgetNumber,
  forgetOrder,
  lineWithoutOrder,
  misstateLinePrice,
  misstateTotal,
  orderWithoutLines,
  repeatKey,
  unhold,
} from '../../support/purchases/damage.ts'
import { writeAssemblies } from '../../support/purchases/write.ts'
import { startTestSystem } from '../../support/system.ts'

const none = sql.typeAlias('none')

test('units beyond what is on hand are told as oversold', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await pool.query(none`alter table ledger drop constraint ledger_units_balance`)
  await pool.query(none`alter table ledger drop constraint ledger_units_not_negative`)
  await pool.query(none`update ledger set on_hand = 2, free = 7 where sku = ${sku}`)
  await assertBroken(system, 1, sku, 'oversold by 1')
})

test('a ledger that differs from its holds, and units that do not add up, are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await pool.query(none`update ledger set held = 2, sold = 1, cursor = cursor where sku = ${sku}`)
  await assertBroken(system, 1, sku, 'its holds 3 and 0')
  await pool.query(none`alter table ledger drop constraint ledger_units_balance`)
  await pool.query(none`update ledger set held = 3, sold = 0, on_hand = 11 where sku = ${sku}`)
  await assertBroken(system, 1, sku, '11 on hand is not')
})

test('units that the gate does not grant are told as stranded', async (t) => {
  const system = await usedSystem(t)
  await system.redis.hincrby(system.keys.gate, 'units', -2)
  await assertBroken(system, 2, system.sku, '2 units are free and its gate does not grant them')
})

test('units that the gate would grant without having them are told', async (t) => {
  const system = await usedSystem(t)
  await system.redis.hincrby(system.keys.gate, 'units', 4)
  await assertBroken(system, 2, system.sku, 'would grant 4 units more')
})

test('the repair that a stranded unit is told with brings it back', async (t) => {
  const system = await usedSystem(t)
  await system.redis.hincrby(system.keys.gate, 'units', -2)
  const partition = partitionOf(system.sku)
  await system.pool.query(none`update partitions set run_id = null where partition = ${partition}`)
  await system.settledAt(system.sku, 7)
  await assertKept(system)
})

test('a commit that never reaches its gate is told while a worker runs, and not otherwise', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await system.stopWorkers()
  await pool.query(none`update ledger set cursor = cursor + 1 where sku = ${sku}`)
  const { report, notes } = await check(system)
  assert.equal(report.kept, true)
  assert.ok(notes.some((note) => note.includes('no worker runs to settle')))
  await pool.query(none`
    insert into workers (id, seen_at) values (${startedLongAgo}, now() + interval '1 hour')`)
  await assertBroken(system, 2, sku, 'never reached its gate')
})

test("a buyer's count at the gate that PostgreSQL does not share is told, whoever has more", async (t) => {
  const system = await usedSystem(t)
  const { redis, sku, buyer, keys } = system
  await redis.hincrby(keys.buyers, buyer, 1)
  await assertBroken(system, 2, sku, buyer, 'counts 4 units')
  await redis.hdel(keys.buyers, buyer)
  await assertBroken(system, 2, sku, buyer, 'counts 0 units')
  await redis.hset(keys.buyers, buyer, 3)
  const stranger = newId()
  await redis.hset(keys.buyers, stranger, 1)
  await assertBroken(system, 2, sku, stranger, 'counts 1 units')
})

test('a reserved checkout without its number or its lines is told as lost', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await forgetNumber(pool, id)
  await assertBroken(system, 3, id, sku, 'has no order number')
  const empty = await orderWithoutLines(pool)
  await assertBroken(system, 3, empty, 'its order has no lines')
})

test('a checkout that loses its rows is told by whatever they stood for', async (t) => {
  const system = await usedSystem(t)
  const { pool, redis, sku, id, buyer, keys } = system
  await unhold(pool, id)
  // Its units and its count stand for nothing now: as if they had never been taken.
  await pool.query(none`update ledger set held = 0, free = 10 where sku = ${sku}`)
  await redis.hincrby(keys.gate, 'units', 3)
  await pool.query(none`delete from buyer_units where buyer_id = ${buyer}`)
  await redis.hdel(keys.buyers, buyer)
  await assertBroken(system, 3, id, sku, 'some of its order is not held')
  await forgetLines(pool, id)
  await assertBroken(system, 3, id, 'its order has no lines')
  await forgetOrder(pool, id)
  await assertBroken(
    system,
    3,
    id,
    sku,
    'was accepted, and neither PostgreSQL nor a mailbox has it',
  )
})

test('an accepted checkout that neither store has is told by its idempotency record', async (t) => {
  const system = await usedSystem(t)
  const { redis, sku, id } = system
  const today = requestsKey(partitionOf(sku), Date.now(), 0)
  const gone = `${id.slice(0, 35)}${id.endsWith('0') ? '1' : '0'}`
  await redis.hset(today, 'a-request', `${gone} ${sku}*1`)
  await assertBroken(system, 3, gone, sku)
})

test('entries that vanish from a mailbox before their commit are told', async (t) => {
  const system = await startTestSystem(t, { own: true })
  const sku = await system.addSku()
  await system.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  await system.settledAt(sku, 9)
  await system.stopWorkers()
  const placed = await system.place(newId(), [{ sku, quantity: 1 }])
  assert.equal(placed.body.status, 'queued')
  await assertKept(system)
  await system.redis.del(skuKeys(partitionOf(sku), sku).mailbox)
  await assertBroken(system, 3, sku, '1 entries have gone from its mailbox')
})

test('an entry that the cursor covers without its checkout in PostgreSQL is told', async (t) => {
  const system = await usedSystem(t)
  await system.stopWorkers()
  const placed = await system.place(newId(), [{ sku: system.sku, quantity: 1 }])
  await system.pool.query(none`update ledger set cursor = cursor + 1 where sku = ${system.sku}`)
  await assertBroken(system, 3, system.sku, placed.body.id, 'at or below the cursor')
})

test('a command that waits for more than a minute is told, unless no worker ran', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await system.stopWorkers()
  await pool.query(none`
    insert into stock_commands (id, partition, sku, kind, units, reason, created_at)
    values (${newId()}, ${partitionOf(sku)}, ${sku}, 'restock', 1, 'test', now() - interval '90 seconds')`)
  const { notes } = await check(system)
  assert.ok(
    notes.some((note) => note.startsWith('1 commands and assemblies have waited')),
    notes.join('\n'),
  )
  await assertKept(system)
  await pool.query(none`insert into workers (id) values (${startedLongAgo})`)
  await assertBroken(system, 3, sku, 'the command restock')
})

test('an assembly that outlives its deadline is told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await asIfWorked(system)
  const overdue = { id: newId(), buyerId: newId() }
  await writeAssemblies(pool, [overdue], { skus: [sku], expiresInSeconds: -90 })
  await assertBroken(system, 3, sku, overdue.id, 'assembling past its deadline')
})

test('two checkouts for one key are told, and so is the index that should have stopped them', async (t) => {
  const system = await usedSystem(t)
  const { pool, id } = system
  const index = await dropKeyIndex(pool)
  await assertBroken(system, 4, `${index} is missing`)
  await repeatKey(pool, id)
  await assertBroken(system, 4, system.buyer, '2 rows')
})

test('a line of its own and sums that differ are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await misstateLinePrice(pool, id, 1)
  await assertBroken(system, 4, sku, id, 'has order lines of')
  await misstateLinePrice(pool, id, -1)
  await misstateTotal(pool, id, 1)
  await assertBroken(system, 4, sku, id, 'and the total')
  await misstateTotal(pool, id, -1)
  const stray = await lineWithoutOrder(pool, sku)
  await assertBroken(system, 4, stray, sku, 'has order lines and no row of its own')
})

test('a hold that outlives its deadline by more than a sweep is told; that of a stopped system is not', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await system.stopWorkers()
  await moveDeadline(pool, id, -600)
  await assertKept(system)
  assert.deepEqual((await check(system)).notes, [
    '1 checkouts have passed their deadlines and no worker has run for 65 s that could have ended them; the next worker ends them',
  ])
  // The worker that was stopped in order is on record; as if it had run for long.
  await pool.query(none`
    update workers set id = ${startedLongAgo}, seen_at = now() - interval '9.5 minutes'`)
  await assertKept(system)
  assert.deepEqual((await check(system)).notes, [
    '1 checkouts have passed their deadlines since the last worker stopped; the next worker ends them',
  ])
  await pool.query(none`update workers set seen_at = now() where id = ${startedLongAgo}`)
  await assertBroken(system, 6, sku, id, 'reserved past its deadline')
})

test('a worker that has only just started has not missed a deadline', async (t) => {
  const system = await usedSystem(t)
  const { pool, id } = system
  await system.stopWorkers()
  await moveDeadline(pool, id, -600)
  await pool.query(none`insert into workers (id) values (${newId()})`)
  await assertKept(system)
})

test('units that stay held after their checkout has ended are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await endCheckout(pool, id, 'cancelled')
  await assertBroken(system, 6, sku, id, 'nothing releases its units')
  await pool.query(none`
    insert into stock_commands (id, partition, sku, kind, checkout_id, reason, done_at)
    values (${newId()}, ${partitionOf(sku)}, ${sku}, 'release', ${id}, 'test', now())`)
  await assertBroken(system, 6, sku, id, 'its release is done')
})

test('a count above its limit, and one that its holds do not explain, are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, redis, sku, buyer, keys } = system
  await pool.query(none`update buyer_units set units = 2 where buyer_id = ${buyer}`)
  await redis.hset(keys.buyers, buyer, 2)
  await assertBroken(system, 7, sku, buyer, 'counted with 2 units, the holds say 3')
  await pool.query(none`alter table buyer_units drop constraint buyer_units_within_limit`)
  await pool.query(none`update buyer_units set units = 3, unit_limit = 2 where buyer_id = ${buyer}`)
  await redis.hset(keys.buyers, buyer, 3)
  await assertBroken(system, 7, sku, buyer, 'has 3 units, the limit is 2')
  await pool.query(none`delete from buyer_units`)
  await redis.del(keys.buyers)
  await assertBroken(system, 7, sku, buyer, 'counted with 0 units, the holds say 3')
})
