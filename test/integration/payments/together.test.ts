// Payments that come together share statements; none of them pays for its neighbour.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { beginAttempt } from '../../../src/flows/pay/money/begin.ts'
import { capturePayment } from '../../../src/flows/pay/money/capture.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { testPool } from '../../support/background.ts'
import { endCheckout } from '../../support/purchases/change.ts'
import { writesOfOrders } from '../../support/purchases/traces.ts'
import { facts, type Reserved, reserve } from '../../support/reserved.ts'

const Intent = z.object({ intent_id: z.string() })
const Counts = z.object({ statements: z.number(), rows: z.number() })

/** How many transactions wrote the rows of a table. */
function writesOf(pool: DatabasePool, table: 'payments' | 'payment_attempts') {
  return pool.one(sql.type(Counts)`
    select count(distinct xmin::text) as statements, count(*) as rows from ${sql.identifier([table])}`)
}

async function pay(pool: DatabasePool, reserved: readonly Reserved[]) {
  await Promise.all(reserved.map((each) => beginAttempt(pool, each)))
}

test('fifty that come together are begun and captured in a few statements', async (t) => {
  const pool = await testPool(t)
  const reserved = await reserve(pool, 50)
  const begun = await Promise.all(reserved.map((each) => beginAttempt(pool, each)))
  assert.ok(begun.every((each) => each?.attempt === 1 && each.amount === 500))
  assert.deepEqual(await writesOf(pool, 'payment_attempts'), { statements: 1, rows: 50 })
  const settled = await Promise.all(
    reserved.map(({ checkoutId }) => capturePayment(pool, checkoutId, facts(checkoutId))),
  )
  for (const [i, commands] of settled.entries()) {
    assert.deepEqual(
      commands?.map(({ id, ...command }) => command),
      [{ kind: 'sell', sku: 'MUG', checkoutId: reserved[i]?.checkoutId, units: null }],
    )
  }
  assert.deepEqual(await writesOf(pool, 'payments'), { statements: 1, rows: 50 })
  assert.deepEqual(await writesOfOrders(pool), { statements: 1, rows: 50 })
})

test('one that PostgreSQL cannot take fails alone', async (t) => {
  const pool = await testPool(t)
  const [bad, ...good] = (await reserve(pool, 10)) as [Reserved, ...Reserved[]]
  const outcomes = await Promise.allSettled([
    ...good.slice(0, 5).map((each) => beginAttempt(pool, each)),
    beginAttempt(pool, { ...bad, paymentMethodId: 'pm_\u0000' }),
    ...good.slice(5).map((each) => beginAttempt(pool, each)),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    outcomes.map((_, i) => (i === 5 ? 'rejected' : 'fulfilled')),
  )
  assert.deepEqual((await writesOf(pool, 'payment_attempts')).rows, 9)
})

test('those that do not fit change nothing, and their neighbours are settled', async (t) => {
  const pool = await testPool(t)
  const reserved = await reserve(pool, 6)
  await pay(pool, reserved)
  const ids = reserved.map(({ checkoutId }) => checkoutId) as [string, string, string, string]
  const settled = await Promise.all([
    capturePayment(pool, ids[1], { ...facts(ids[1]), amount: 499, amountReceived: 499 }),
    capturePayment(pool, ids[2], { ...facts(ids[2]), currency: 'USD' }),
    capturePayment(pool, newId(), facts(ids[3])),
    capturePayment(pool, ids[3], facts(ids[3])),
    // The same word from two sides at once is settled once.
    capturePayment(pool, ids[3], facts(ids[3])),
  ])
  assert.deepEqual(
    settled.map((commands) => commands?.length ?? null),
    [null, null, null, 1, null],
  )
})

test('an intent that nobody has noted yet is the checkout’s own from its capture on', async (t) => {
  const pool = await testPool(t)
  const [bought] = (await reserve(pool, 1)) as [Reserved]
  await pay(pool, [bought])
  const { checkoutId } = bought
  assert.equal((await capturePayment(pool, checkoutId, facts(checkoutId)))?.length, 1)
  const { rows } = await pool.query(sql.type(Intent)`select intent_id from payments`)
  assert.deepEqual(rows, [{ intent_id: facts(checkoutId).id }])
})

test('an intent of somebody else’s captures nothing', async (t) => {
  const pool = await testPool(t)
  const [bought] = (await reserve(pool, 1)) as [Reserved]
  await pay(pool, [bought])
  await pool.query(sql.typeAlias('none')`update payments set intent_id = 'pi_of_its_own'`)
  assert.equal(await capturePayment(pool, bought.checkoutId, facts(bought.checkoutId)), null)
})

test('another buyer cannot take the place of the one who may pay', async (t) => {
  const pool = await testPool(t)
  const [mine, other] = (await reserve(pool, 2)) as [Reserved, Reserved]
  const [stolen, own, again] = await Promise.all([
    beginAttempt(pool, { ...mine, buyerId: other.buyerId }),
    beginAttempt(pool, mine),
    beginAttempt(pool, mine),
  ])
  assert.equal(stolen, null)
  assert.equal(own?.attempt, 1)
  assert.equal(again, null)
})

test('a checkout that somebody has locked holds up nobody else', async (t) => {
  const pool = await testPool(t)
  const reserved = await reserve(pool, 4)
  await pay(pool, reserved)
  const [locked, ...others] = reserved.map(({ checkoutId }) => checkoutId) as [string, ...string[]]
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const locking = pool.transaction(async (tx) => {
    await endCheckout(tx, locked, 'expired')
    held.resolve()
    await release.promise
  })
  await held.promise
  const waiting = capturePayment(pool, locked, facts(locked))
  const settled = await Promise.all(others.map((id) => capturePayment(pool, id, facts(id))))
  assert.ok(settled.every((commands) => commands?.length === 1))
  release.resolve()
  await locking
  // It waited for the lock, and the row that was written under it decided.
  assert.equal(await waiting, null)
})
