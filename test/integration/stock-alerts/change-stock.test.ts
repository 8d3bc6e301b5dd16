// Sellers restock and correct what is theirs; the ledger has the last word, and the audit log both.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { noteRefusedStock } from '../../../src/audit/audit-log.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

const Entry = z.object({
  action: z.string(),
  actor: z.object({ id: z.string(), role: z.string() }).nullable(),
  details: z.record(z.string(), z.unknown()),
})

const sellerOf = async (shop: TestSystem, sku: string) =>
  (
    await shop.pool.one(sql.typeAlias('id')`
      select p.seller_id as id from products p join variants v on v.product_id = p.id where v.sku = ${sku}`)
  ).id

const change = (shop: TestSystem, seller: string, sku: string, body: unknown) =>
  shop.call('POST', `/api/skus/${sku}/stock`, { buyer: seller, role: 'seller', body })

const auditOf = async (shop: TestSystem, sku: string) => {
  const admin = { buyer: newId(), role: 'admin' } as const
  const { body } = await shop.call('GET', `/api/audit?subject=sku:${sku}`, admin)
  return z.array(Entry).parse(body.items)
}

test('a restock adds units and a correction takes free ones away, each with its reason', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 5 })
  const seller = await sellerOf(shop, sku)
  const restocked = await change(shop, seller, sku, { delta: 20, reason: '  delivery 7 ' })
  assert.deepEqual([restocked.status, restocked.body], [202, { sku }])
  await shop.settledAt(sku, 25)
  await change(shop, seller, sku, { delta: -4, reason: 'broken' })
  await shop.settledAt(sku, 21)
  assert.equal((await shop.ledgerOf(sku)).on_hand, 21)
  const entries = await auditOf(shop, sku)
  assert.deepEqual(
    entries.map(({ action, actor, details: { delta, reason } }) => ({
      action,
      actor,
      delta,
      reason,
    })),
    [
      { delta: -4, reason: 'broken' },
      { delta: 20, reason: 'delivery 7' },
    ].map((about) => ({
      action: 'stock.changed',
      actor: { id: seller, role: 'seller' },
      ...about,
    })),
  )
})

test('units that are held cannot be taken away, and the audit log says that they were not', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 5 })
  const seller = await sellerOf(shop, sku)
  await shop.place(newId(), [{ sku, quantity: 3 }], { wait: 15 })
  assert.equal((await change(shop, seller, sku, { delta: -3, reason: 'lost' })).status, 202)
  const [refused] = await eventually(async () => {
    await noteRefusedStock(shop.pool)
    const entries = await auditOf(shop, sku)
    assert.equal(entries.length, 2)
    return entries
  })
  assert.equal(await noteRefusedStock(shop.pool), 0)
  assert.equal(refused?.action, 'stock.refused')
  assert.equal(refused?.actor, null)
  assert.equal(refused?.details.outcome, 'not enough free units')
  await shop.settledAt(sku, 2)
})

test('nobody buys units that a correction has taken, however close they come', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 30 })
  const seller = await sellerOf(shop, sku)
  await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 15 })
  const [, ...answers] = await Promise.all([
    change(shop, seller, sku, { delta: -20, reason: 'lost' }),
    ...Array.from({ length: 40 }, () => shop.place(newId(), [{ sku, quantity: 1 }], { wait: 15 })),
  ])
  await eventually(async () => {
    const { count } = await shop.pool.one(sql.typeAlias('count')`
      select count(*) as count from stock_commands where done_at is null`)
    assert.equal(count, 0)
  })
  const sold = answers.filter(({ status }) => status === 201).length
  const { on_hand, held, free } = await shop.ledgerOf(sku)
  assert.equal(held, sold + 1)
  assert.equal(free, on_hand - held)
  assert.ok(on_hand === 10 || on_hand === 30)
  await shop.settledAt(sku, free)
})

test('others and bad input change nothing', async (t) => {
  const shop = await startTestSystem(t, { own: true, workers: 0 })
  const sku = await shop.addSku({ units: 5 })
  const seller = await sellerOf(shop, sku)
  const good = { delta: 1, reason: 'delivery' }
  assert.equal((await change(shop, newId(), sku, good)).status, 404)
  assert.equal((await change(shop, seller, 'NOT-THERE', good)).status, 404)
  for (const role of ['buyer', 'admin'] as const) {
    const answer = await shop.call('POST', `/api/skus/${sku}/stock`, {
      buyer: seller,
      role,
      body: good,
    })
    assert.equal(answer.status, 403)
  }
  assert.equal((await shop.call('POST', `/api/skus/${sku}/stock`, { body: good })).status, 401)
  const bad = [
    { ...good, delta: 0 },
    { ...good, delta: 1.5 },
    { ...good, delta: 1_000_001 },
    { ...good, delta: -1_000_001 },
    { ...good, delta: '1' },
    { ...good, reason: ' ' },
    { ...good, reason: 'x'.repeat(201) },
    { ...good, reason: 'a\u0000b' },
    { delta: 1 },
    { ...good, sku },
    {},
    [],
  ]
  for (const body of bad) {
    assert.equal((await change(shop, seller, sku, body)).status, 400, JSON.stringify(body))
  }
  const threshold = (body: unknown, who = seller) =>
    shop.call('PUT', `/api/skus/${sku}/threshold`, { buyer: who, role: 'seller', body })
  for (const units of [-1, 1.5, 1_000_001, null, 'x']) {
    assert.equal((await threshold({ units })).status, 400)
  }
  assert.equal((await threshold({ units: 3 }, newId())).status, 404)
  const counted = z.object({ commands: z.number(), entries: z.number(), thresholds: z.number() })
  assert.deepEqual(
    await shop.pool.one(sql.type(counted)`
      select (select count(*) from stock_commands) as commands, (select count(*) from audit_log) as entries,
        (select count(*) from stock_thresholds) as thresholds`),
    { commands: 0, entries: 0, thresholds: 0 },
  )
})
