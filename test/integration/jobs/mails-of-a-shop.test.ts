// A whole shop tells its buyers what became of their checkouts: through the outbox, the queue and the
// mails, each once, also when Redis is emptied in between.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import PostalMime from 'postal-mime'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestFolder } from '../../support/stores.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

async function aBuyer(shop: TestSystem): Promise<{ id: string; email: string }> {
  const id = newId()
  const email = `${id}@example.com`
  await shop.pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${id}, ${email}, 'Bea', 'buyer', '-')`)
  return { id, email }
}

const mailsIn = (dir: string) => {
  try {
    return readdirSync(dir).filter((name) => name.endsWith('.eml'))
  } catch {
    return []
  }
}

test('a hold that expires and an order that is cancelled are each told once, through an emptied Redis', async (t) => {
  const dir = createTestFolder(t)
  const shop = await startTestSystem(t, {
    settings: { HOLD_SECONDS: '2', SWEEP_SECONDS: '1', DATA_DIR: dir },
  })
  const mailDir = join(dir, 'mail')
  const sku = await shop.addSku({ units: 5 })
  const [leaver, waiter] = [await aBuyer(shop), await aBuyer(shop)]
  const left = await shop.place(leaver.id, [{ sku, quantity: 1 }], { wait: 10 })
  const kept = await shop.place(waiter.id, [{ sku, quantity: 2 }], { wait: 10 })
  assert.deepEqual([left.status, kept.status], [201, 201])
  for (const _ of [1, 2, 3]) {
    await shop.call('DELETE', `/api/checkouts/${left.body.id}`, { buyer: leaver.id })
  }
  await eventually(() => mailsIn(mailDir).includes(`cancelled-${left.body.id}.eml`))
  await shop.redis.flushall()
  await eventually(() => mailsIn(mailDir).includes(`expired-${kept.body.id}.eml`), {
    timeoutMs: 30_000,
  })
  const mail = await PostalMime.parse(readFileSync(join(mailDir, `expired-${kept.body.id}.eml`)))
  assert.equal(mail.to?.[0]?.address, waiter.email)
  await shop.settledAt(sku, 5)
  assert.equal(mailsIn(mailDir).length, 2)
  const { count } = await shop.pool.one(sql.typeAlias('count')`
    select count(*) as count from mails where sent_at is not null`)
  assert.equal(count, 2)
})
