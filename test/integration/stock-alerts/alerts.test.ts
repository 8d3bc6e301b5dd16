// Sellers hear once of every fall to a threshold; buyers who asked hear once that a SKU is there again, the
// oldest first, and not more of them than there are units.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { orderLinks } from '../../../src/notifications/letters.ts'
import { createMailer } from '../../../src/notifications/mailer.ts'
import { createMailSender } from '../../../src/notifications/send-mails.ts'
import { registerAlert, watchStock } from '../../../src/notifications/stock-alerts.ts'
import { claimDueEvents, mailTopic } from '../../../src/platform/outbox.ts'
import { handleEvents } from '../../../src/platform/outbox-handlers.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { openLedger } from '../../../src/stock/ledger/open-ledger.ts'
import { quickRetries, silent, testPool } from '../../support/background.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestFolder } from '../../support/stores.ts'
import { startTestSystem } from '../../support/system.ts'

const Mail = z.object({
  key: z.string(),
  payload: z.object({
    message: z.string(),
    sku: z.string(),
    accountId: z.string(),
    units: z.number().optional(),
  }),
})

async function anAccount(pool: DatabasePool, role: string): Promise<string> {
  const id = newId()
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${id}, ${`${id}@example.com`}, 'Ann <A>', ${role}, '-')`)
  return id
}

async function aShop(t: TestContext) {
  const pool = await testPool(t)
  const seller = await anAccount(pool, 'seller')
  let told = 0
  return {
    pool,
    seller,
    async addSku(sku: string, units: number): Promise<string> {
      const id = newId()
      await pool.transaction(async (tx) => {
        await tx.query(sql.typeAlias('none')`
          insert into products (id, seller_id, slug, title, category)
          values (${id}, ${seller}, ${`p-${id}`}, ${`Mug & ${sku}`}, 'test')`)
        await tx.query(sql.typeAlias('none')`
          insert into variants (sku, product_id, price, currency) values (${sku}, ${id}, 100, 'EUR')`)
        await openLedger(tx, [{ sku, units }])
      })
      return sku
    },
    /** Sells free units, or, below zero, brings new ones. */
    async sell(sku: string, units: number): Promise<void> {
      await pool.query(
        units > 0
          ? sql.typeAlias(
              'none',
            )`update ledger set free = free - ${units}, sold = sold + ${units} where sku = ${sku}`
          : sql.typeAlias(
              'none',
            )`update ledger set free = free - ${units}, on_hand = on_hand - ${units} where sku = ${sku}`,
      )
    },
    /** Looks twice, at once and again, and returns the mails that are new. */
    async look() {
      await Promise.all([watchStock(pool), watchStock(pool)])
      await watchStock(pool)
      const mails = await pool.any(sql.type(Mail)`
        select key, payload from outbox where topic = ${mailTopic} order by id offset ${told}`)
      told += mails.length
      return mails.map(({ payload }) => payload)
    },
  }
}

test('a seller hears of each fall to the threshold once', async (t) => {
  const { pool, seller, addSku, sell, look } = await aShop(t)
  const [mug, few] = [await addSku('MUG', 30), await addSku('FEW', 10)]
  assert.deepEqual(await look(), [], 'what never was above its threshold has not fallen')
  await sell(mug, 19)
  assert.deepEqual(await look(), [])
  await sell(mug, 1)
  const low = (sku: string, units: number) => ({
    message: 'low-stock',
    sku,
    units,
    accountId: seller,
  })
  assert.deepEqual(await look(), [low(mug, 10)])
  await sell(mug, 10)
  await sell(few, 9)
  assert.deepEqual(await look(), [], 'falling on is no second fall')
  await sell(mug, -10)
  assert.deepEqual(await look(), [])
  await sell(mug, -1)
  assert.deepEqual(await look(), [])
  await sell(mug, 3)
  assert.deepEqual(await look(), [low(mug, 8)])
  // A threshold of its own.
  await pool.query(
    sql.typeAlias('none')`insert into stock_thresholds (sku, units) values (${mug}, 5)`,
  )
  assert.deepEqual(await look(), [])
  await sell(mug, 3)
  assert.deepEqual(await look(), [low(mug, 5)])
})

test('buyers hear that a SKU is there again: the oldest first, once, and no more than units', async (t) => {
  const { pool, addSku, sell, look } = await aShop(t)
  const [sku, other] = [await addSku('GONE', 0), await addSku('OTHER', 0)]
  const buyers = await Promise.all(Array.from({ length: 6 }, () => anAccount(pool, 'buyer')))
  for (const buyerId of buyers) {
    const first = await registerAlert(pool, { sku, buyerId })
    assert.deepEqual(await registerAlert(pool, { sku, buyerId }), first)
  }
  await registerAlert(pool, { sku: other, buyerId: buyers[0] ?? '' })
  const heard = async () =>
    (await look()).map(({ accountId, sku: of }) => [of, buyers.indexOf(accountId)])
  assert.deepEqual(await heard(), [])
  await sell(sku, -2)
  assert.deepEqual(await heard(), [
    [sku, 0],
    [sku, 1],
  ])
  await sell(sku, 1)
  assert.deepEqual(await heard(), [])
  await sell(sku, -1)
  assert.deepEqual(await heard(), [[sku, 2]])
  // Gone, and there again.
  await sell(sku, 2)
  assert.deepEqual(await heard(), [])
  await sell(sku, -1)
  assert.deepEqual(await heard(), [[sku, 3]])
  // More units than buyers; and whoever was told may ask again.
  await registerAlert(pool, { sku, buyerId: buyers[0] ?? '' })
  await sell(sku, -100)
  assert.deepEqual(await heard(), [
    [sku, 4],
    [sku, 5],
    [sku, 0],
  ])
  assert.equal(await registerAlert(pool, { sku: 'NOT-THERE', buyerId: buyers[0] ?? '' }), null)
})

test('what a look has noted goes out as mail, and an account that is gone takes nobody’s place', async (t) => {
  const { pool, addSku, sell, look } = await aShop(t)
  const sku = await addSku('MUG', 11)
  const buyer = await anAccount(pool, 'buyer')
  await sell(sku, 11)
  for (const buyerId of [newId(), buyer]) await registerAlert(pool, { sku, buyerId })
  await look()
  await sell(sku, -1)
  await look()
  const mailDir = createTestFolder(t)
  const mailer = createMailer({ smtpUrl: undefined, mailDir, from: 'Sluice <shop@sluice.example>' })
  t.after(() => mailer.close())
  const topics = {
    [mailTopic]: {
      outside: createMailSender({
        pool,
        mailer,
        context: orderLinks(undefined),
        clock: systemClock,
      }),
    },
  }
  const ids = await claimDueEvents(pool, 'mails', 100)
  await handleEvents(
    { pool, topics, log: silent, random: systemRandom, retries: quickRetries },
    ids,
  )
  const mails = readdirSync(mailDir).map((name) => readFileSync(join(mailDir, name), 'utf8'))
  assert.deepEqual(mails.map((mail) => /^Subject: (.*)\r$/m.exec(mail)?.[1]).sort(), [
    'Mug & MUG is in stock again',
    'Mug & MUG is running low',
  ])
  assert.ok(mails.some((mail) => mail.includes(`To: ${buyer}@example.com`)))
  assert.ok(mails.every((mail) => mail.includes('Hello Ann &lt;A&gt;,')))
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from outbox where done_at is null`)
  assert.equal(count, 0)
})

test('a buyer asks over HTTP, and is told by the worker after a restock', async (t) => {
  const shop = await startTestSystem(t, { settings: { DATA_DIR: createTestFolder(t) } })
  const sku = await shop.addSku({ units: 0 })
  const buyer = await anAccount(shop.pool, 'buyer')
  const ask = () => shop.call('POST', `/api/skus/${sku}/alerts`, { buyer })
  const [first, again] = [await ask(), await ask()]
  assert.equal(first.status, 201)
  assert.deepEqual(again.body, first.body)
  assert.equal(first.body.sku, sku)
  await shop.restock(sku, 1)
  await eventually(
    async () => {
      const { count } = await shop.pool.one(sql.typeAlias('count')`
        select count(*) as count from mails where fact like 'back-in-stock:%' and sent_at is not null`)
      assert.equal(count, 1)
    },
    { timeoutMs: 20_000 },
  )
  const there = `/api/skus/${sku}/alerts`
  assert.equal((await shop.call('POST', '/api/skus/NOT-THERE/alerts', { buyer })).status, 404)
  assert.equal((await shop.call('POST', '/api/skus/a%20b/alerts', { buyer })).status, 400)
  assert.equal((await shop.call('POST', there, { buyer, role: 'seller' })).status, 403)
  assert.equal((await shop.call('POST', there)).status, 401)
})
