// The promises are kept on a fresh, a used and a busy system, and what cannot be compared is no breach. A
// whole shop on real stores. That each of them can be broken is proven next door.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import {
  assertBroken,
  assertKept,
  breachesOf,
  check,
  checkedOf,
  usedSystem,
} from '../../support/guarantees.ts'
import { startTestSystem } from '../../support/system.ts'

const none = sql.typeAlias('none')

test('a fresh system keeps all seven promises, and the report says so in the agreed form', async (t) => {
  const system = await startTestSystem(t, { own: true })
  const report = await assertKept(system)
  assert.deepEqual(
    report.promises.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6, 7],
  )
  assert.deepEqual(Object.keys(report), ['kept', 'promises'])
  for (const guarantee of report.promises) {
    assert.deepEqual(Object.keys(guarantee), ['id', 'name', 'kept', 'checked', 'breaches'])
  }
})

test('a used system keeps its promises: bought, given back, refused, several at once, restocked', async (t) => {
  const system = await startTestSystem(t, { own: true })
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
  const system = await startTestSystem(t, { own: true, workers: 2 })
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
