// What was changed is written with the change, by whom, and nobody can take it back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { appendAudit } from '../../../src/audit/audit-log.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { testPool } from '../../support/background.ts'
import { startTestSystem } from '../../support/system.ts'

const Move = z.object({
  action: z.string(),
  details: z.object({ amount: z.number(), currency: z.string(), intentId: z.string() }),
  actor_id: z.string().nullable(),
})

const entry = (subject = 'sku:MUG') => ({
  actor: { id: newId(), role: 'seller' },
  action: 'stock.changed',
  subject,
  details: { delta: 1 },
})

test('the database refuses to change, delete or empty the audit log, whoever asks', async (t) => {
  const pool = await testPool(t)
  await pool.transaction((tx) => appendAudit(tx, entry()))
  const attempts = [
    sql.typeAlias('none')`update audit_log set details = '{}'`,
    sql.typeAlias('none')`delete from audit_log`,
    sql.typeAlias('none')`truncate audit_log`,
    sql.typeAlias('none')`
      insert into audit_log (id, action, subject)
      select id, 'x', 'y' from audit_log on conflict (id) do update set action = 'x'`,
  ]
  for (const attempt of attempts) {
    for (const role of ['origin', 'replica']) {
      const change = pool.transaction(async (tx) => {
        // As a replica, ordinary triggers would not run.
        await tx.query(sql.typeAlias('none')`
          select from set_config('session_replication_role', ${role}, true)`)
        await tx.query(attempt)
      })
      await assert.rejects(change, /append-only/, attempt.sql)
    }
  }
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from audit_log where details = '{"delta": 1}'`)
  assert.equal(count, 1)
})

test('an entry is there exactly when its change is', async (t) => {
  const pool = await testPool(t)
  const change = pool.transaction(async (tx) => {
    await appendAudit(tx, entry())
    throw new Error('changed my mind')
  })
  await assert.rejects(change, /changed my mind/)
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from audit_log`)
  assert.equal(count, 0)
})

test('every move of money is written down where the money is', async (t) => {
  const pool = await testPool(t)
  const id = newId()
  const move = (captured: number, refunded: number) =>
    pool.query(sql.typeAlias('none')`
      update payments set captured = ${captured}, refunded = ${refunded} where checkout_id = ${id}`)
  await pool.query(sql.typeAlias('none')`
    insert into payments (checkout_id, intent_id, amount, currency) values (${id}, 'pi_1', 500, 'EUR')`)
  await move(500, 0)
  await move(500, 0)
  await move(500, 200)
  await move(500, 0)
  const rows = await pool.any(sql.type(Move)`
    select action, details, actor_id from audit_log where subject = ${`checkout:${id}`} order by number`)
  assert.deepEqual(
    rows.map((row) => [row.action, row.details.amount, row.details.currency, row.actor_id]),
    [
      ['money.captured', 500, 'EUR', null],
      ['money.refunded', 200, 'EUR', null],
      ['money.refund_returned', 200, 'EUR', null],
    ],
  )
})

test('admins read it, the newest first, page by page; nobody else does', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const entries = Array.from({ length: 7 }, (_, i) => entry(`sku:S-${i % 2}`))
  for (const each of entries) await shop.pool.transaction((tx) => appendAudit(tx, each))
  const read = (query: string) =>
    shop.call('GET', `/api/audit${query}`, { buyer: newId(), role: 'admin' })
  const seen: unknown[] = []
  for (let cursor: unknown = '', pages = 0; cursor !== null; pages++) {
    assert.ok(pages < 4)
    const { status, body } = await read(`?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
    assert.equal(status, 200)
    seen.push(...body.items)
    cursor = body.nextCursor
  }
  const shown = seen as { actor: { id: string }; at: string; subject: string }[]
  assert.deepEqual(
    shown.map(({ actor }) => actor.id),
    entries.map(({ actor }) => actor.id).toReversed(),
  )
  assert.deepEqual(Object.keys(shown[0] ?? {}).sort(), [
    'action',
    'actor',
    'at',
    'details',
    'id',
    'subject',
  ])
  assert.equal((await read('?subject=sku:S-1')).body.items.length, 3)
  assert.equal((await read('?subject=sku:S')).body.items.length, 0)
  for (const query of [
    '?limit=0',
    '?limit=101',
    '?limit=x',
    '?cursor=x',
    '?cursor=WyJ4Il0',
    '?subject=',
  ]) {
    assert.equal((await read(query)).status, 400, query)
  }
  for (const role of ['buyer', 'seller'] as const) {
    assert.equal((await shop.call('GET', '/api/audit', { buyer: newId(), role })).status, 403)
  }
  assert.equal((await shop.call('GET', '/api/audit')).status, 401)
})

test('an admin who puts back what was parked is written down, and one who finds nothing is not', async (t) => {
  const shop = await startTestSystem(t, { own: true, workers: 0 })
  const admin = { buyer: newId(), role: 'admin' } as const
  await shop.pool.query(sql.typeAlias('none')`
    insert into outbox (topic, key, parked_at) values ('test', 'key', now())`)
  await shop.pool.query(sql.typeAlias('none')`
    insert into webhook_events (id, type, payload, state) values ('evt_1', 'test', '{}', 'parked')`)
  for (const path of ['outbox/1', 'outbox/2', 'webhooks/evt_1', 'webhooks/evt_2']) {
    const { status } = await shop.call('POST', `/api/ops/${path}/replay`, admin)
    assert.equal(status, path.endsWith('2') ? 404 : 202, path)
  }
  const { body } = await shop.call('GET', '/api/audit', admin)
  const entries = z.array(z.object({ action: z.string(), subject: z.string() })).parse(body.items)
  assert.deepEqual(
    entries.map(({ action, subject }) => [action, subject]),
    [
      ['webhook.replayed', 'webhook:evt_1'],
      ['event.replayed', 'event:1'],
    ],
  )
})
