// The promises are kept on a fresh, a used and a busy system, and each of them, broken on purpose behind
// the shop's back, is named with its SKU and a repair. A whole shop on real stores.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import type { PromiseId, PromiseReport } from '../../../src/ops/findings.ts'
import { checkPromises } from '../../../src/ops/promises.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { requestsKey, skuKeys } from '../../../src/stock/keys.ts'
import { partitionOf } from '../../../src/stock/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

const none = sql.typeAlias('none')
const startedLongAgo = '01800000-0000-7000-8000-000000000000'

async function check(system: TestSystem): Promise<{ report: PromiseReport; notes: string[] }> {
  const notes: string[] = []
  const note = (sentence: string) => notes.push(sentence)
  const { pool, redis, config } = system
  return { report: await checkPromises({ pool, redis, config, note }), notes }
}

const breachesOf = ({ promises }: PromiseReport) => promises.flatMap(({ breaches }) => breaches)
const checkedOf = ({ promises }: PromiseReport, id: PromiseId) => promises[id - 1]?.checked ?? 0

async function assertKept(system: TestSystem): Promise<PromiseReport> {
  const { report } = await check(system)
  assert.deepEqual(breachesOf(report), [])
  assert.equal(report.kept, true)
  return report
}

/** Asserts that this promise is broken, and no other, with one sentence that says all of `words`. */
async function assertBroken(
  system: TestSystem,
  id: PromiseId,
  ...words: (string | RegExp)[]
): Promise<void> {
  const { report } = await check(system)
  const broken = report.promises.filter(({ kept }) => !kept)
  assert.deepEqual(
    broken.map((promise) => promise.id),
    [id],
    breachesOf(report).join('\n'),
  )
  assert.equal(report.kept, false)
  const fits = (breach: string) =>
    [...words, 'repair: '].every((word) =>
      typeof word === 'string' ? breach.includes(word) : word.test(breach),
    )
  assert.ok(broken[0]?.breaches.some(fits), broken[0]?.breaches.join('\n'))
}

/** A shop in which somebody holds 3 of 10 units of a SKU with a limit of 4, and everything is settled. */
async function usedSystem(t: TestContext) {
  const system = await startTestSystem(t)
  const sku = await system.addSku({ units: 10, limit: 4 })
  const buyer = newId()
  const placed = await system.place(buyer, [{ sku, quantity: 3 }], { wait: 10 })
  assert.equal(placed.body.status, 'reserved')
  await system.settledAt(sku, 7)
  const keys = skuKeys(partitionOf(sku), sku)
  return { ...system, sku, buyer, id: placed.body.id, keys }
}

/** As if a worker had run since long ago until now; the real ones are stopped, so that nobody tidies up. */
async function asIfWorked(system: TestSystem): Promise<void> {
  await system.stopWorkers()
  await system.pool.query(none`insert into workers (id) values (${startedLongAgo})`)
}

test('a fresh system keeps all seven promises, and the report says so in the agreed form', async (t) => {
  const system = await startTestSystem(t)
  const report = await assertKept(system)
  assert.deepEqual(
    report.promises.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6, 7],
  )
  assert.deepEqual(Object.keys(report), ['kept', 'promises'])
  for (const promise of report.promises) {
    assert.deepEqual(Object.keys(promise), ['id', 'name', 'kept', 'checked', 'breaches'])
  }
})

test('a used system keeps its promises: bought, given back, refused, several at once, restocked', async (t) => {
  const system = await startTestSystem(t)
  const [limited, other] = [
    await system.addSku({ units: 5, limit: 2 }),
    await system.addSku({ units: 5 }),
  ]
  const buyer = newId()
  const wait = { wait: 10 }
  const first = await system.place(buyer, [{ sku: limited, quantity: 2 }], wait)
  assert.equal((await system.place(buyer, [{ sku: limited, quantity: 1 }], wait)).status, 409)
  const both = [
    { sku: limited, quantity: 1 },
    { sku: other, quantity: 2 },
  ]
  const second = await system.place(newId(), both, { wait: 20 })
  assert.deepEqual([first.body.status, second.body.status], ['reserved', 'reserved'])
  const given = await system.call('DELETE', `/api/checkouts/${first.body.id}`, { buyer })
  assert.equal(given.status, 204)
  await system.restock(other, 5)
  await Promise.all([system.settledAt(limited, 4), system.settledAt(other, 8)])
  const { report, notes } = await check(system)
  assert.deepEqual(breachesOf(report), [])
  assert.equal(checkedOf(report, 1), 2)
  assert.equal(checkedOf(report, 2), 3, 'two gates and one buyer with units')
  assert.equal(checkedOf(report, 7), 2)
  assert.deepEqual(
    notes.filter((note) => /gates|records|buyers/.test(note)),
    [],
  )
})

test('a busy system keeps its promises at any moment, although both stores move on between two looks', async (t) => {
  const system = await startTestSystem(t, { workers: 2 })
  const skus = [
    await system.addSku({ units: 1_000, limit: 3 }),
    await system.addSku({ units: 60 }),
  ] as const
  let busy = true
  const shopper = async (n: number) => {
    while (busy) {
      const buyer = newId()
      const sku = skus[n % 2] as string
      const placed = await system.place(buyer, [{ sku, quantity: 1 + (n % 2) }])
      const id = placed.body.id
      if (n % 3 > 0 && placed.status === 202)
        await system.call('DELETE', `/api/checkouts/${id}`, { buyer })
    }
  }
  const shoppers = Array.from({ length: 12 }, (_, n) => shopper(n))
  try {
    let compared = 0
    for (let i = 0; i < 6; i++) compared += checkedOf(await assertKept(system), 2)
    assert.ok(compared > 0, 'gates were compared while they were busy')
  } finally {
    busy = false
    await Promise.all(shoppers)
  }
  await eventually(() => assertKept(system))
})

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

test('a reserved checkout without its order, or with another total, is told as lost', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await pool.query(none`update checkouts set total = total + 1 where id = ${id}`)
  await assertBroken(system, 3, id, sku, 'has the total')
  await pool.query(none`update checkouts set total = total - 1 where id = ${id}`)
  await pool.query(none`delete from order_lines where order_id = ${id}`)
  await assertBroken(system, 3, id, sku, 'its order has no lines')
  await pool.query(none`delete from orders where id = ${id}`)
  await assertBroken(system, 3, id, sku, 'has no order')
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
  const system = await startTestSystem(t)
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
  assert.ok(notes.some((note) => note.includes('not judged, no worker')))
  await assertKept(system)
  await pool.query(none`insert into workers (id) values (${startedLongAgo})`)
  await assertBroken(system, 3, sku, 'the command restock')
})

test('an assembly that outlives its deadline is told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku } = system
  await asIfWorked(system)
  const id = newId()
  await pool.query(none`
    insert into checkouts (id, buyer_id, status, expires_at)
    values (${id}, ${newId()}, 'assembling', now() - interval '90 seconds')`)
  await pool.query(none`insert into checkout_parts values (${id}, ${sku}, 1)`)
  await assertBroken(system, 3, sku, id, 'assembling past its deadline')
})

test('two checkouts for one key are told, and so is the index that should have stopped them', async (t) => {
  const system = await usedSystem(t)
  const { pool, id } = system
  await pool.query(none`alter table checkouts drop constraint checkouts_buyer_key`)
  await assertBroken(system, 4, 'checkouts_buyer_key is missing')
  await pool.query(none`
    insert into checkouts (id, buyer_id, idempotency_key, status)
    select ${newId()}, buyer_id, idempotency_key, 'cancelled' from checkouts where id = ${id}`)
  await assertBroken(system, 4, system.buyer, '2 rows')
})

test('an order of its own, a hold of its own and sums that differ are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await pool.query(none`update order_lines set unit_price = unit_price + 1 where order_id = ${id}`)
  await assertBroken(system, 4, sku, id, 'has order lines of')
  await pool.query(none`update order_lines set unit_price = unit_price - 1 where order_id = ${id}`)
  await pool.query(none`update holds set unit_price = unit_price + 1 where checkout_id = ${id}`)
  await assertBroken(system, 4, sku, id, 'has holds of')
  await pool.query(none`update holds set unit_price = unit_price - 1 where checkout_id = ${id}`)
  const stray = newId()
  await pool.query(none`
    insert into orders (id, buyer_id, status, total, currency)
    values (${stray}, ${newId()}, 'awaiting_payment', 1, 'EUR')`)
  await assertBroken(system, 4, stray, 'has an order and no row of its own')
  await pool.query(none`delete from orders where id = ${stray}`)
  await pool.query(none`
    insert into holds (checkout_id, sku, units, unit_price, buyer_id, state)
    values (${stray}, ${sku}, 1, 1, ${newId()}, 'released')`)
  await assertBroken(system, 4, stray, sku, 'has a hold and no row of its own')
})

test('a hold that outlives its deadline by more than a sweep is told; that of a stopped system is not', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await system.stopWorkers()
  await pool.query(none`
    update checkouts set expires_at = now() - interval '10 minutes' where id = ${id}`)
  await assertKept(system)
  await pool.query(none`
    insert into workers (id, seen_at) values (${startedLongAgo}, now() - interval '9.5 minutes')`)
  await assertKept(system)
  await pool.query(none`update workers set seen_at = now() where id = ${startedLongAgo}`)
  await assertBroken(system, 6, sku, id, 'reserved past its deadline')
})

test('a worker that has only just started has not missed a deadline', async (t) => {
  const system = await usedSystem(t)
  const { pool, id } = system
  await system.stopWorkers()
  await pool.query(none`
    update checkouts set expires_at = now() - interval '10 minutes' where id = ${id}`)
  await pool.query(none`insert into workers (id) values (${newId()})`)
  await assertKept(system)
})

test('units that stay held after their checkout has ended are told', async (t) => {
  const system = await usedSystem(t)
  const { pool, sku, id } = system
  await pool.query(none`update checkouts set status = 'cancelled' where id = ${id}`)
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

test('a gate that is gone or closed is no breach: it is not compared, and that is said', async (t) => {
  const system = await usedSystem(t)
  await system.stopWorkers()
  await system.redis.del(system.keys.gate)
  const { report, notes } = await check(system)
  assert.equal(report.kept, true)
  assert.equal(checkedOf(report, 2), 0)
  assert.ok(notes.some((note) => note.startsWith('1 gates: not compared')))
})

test('while Redis is away PostgreSQL is checked alone, and that is said', async (t) => {
  const system = await usedSystem(t)
  await system.stopWorkers()
  await system.redisServer.stop()
  const { report, notes } = await check(system)
  assert.equal(report.kept, true)
  assert.equal(checkedOf(report, 1), 1)
  assert.equal(checkedOf(report, 2), 0)
  assert.ok(notes.some((note) => note.startsWith('Redis does not answer')))
})

test('a strategy without gates keeps its promises, and is held to those of PostgreSQL', async (t) => {
  const system = await startTestSystem(t, { settings: { STOCK_STRATEGY: 'pessimistic' } })
  const sku = await system.addSku({ units: 5, limit: 2 })
  const buyer = newId()
  const placed = await system.place(buyer, [{ sku, quantity: 2 }])
  assert.equal(placed.body.status, 'reserved')
  await assertKept(system)
  await system.pool.query(none`update buyer_units set units = 1 where buyer_id = ${buyer}`)
  await assertBroken(system, 7, sku, buyer)
})
