// A purchase costs PostgreSQL so many rows, and no more: each is written to the log, flushed and cleaned up again.
// Counts, not times: they are the same on every machine.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { beginAttempt } from '../../../src/flows/pay/money/begin.ts'
import { capturePayment } from '../../../src/flows/pay/money/capture.ts'
import { pgMoneyStore } from '../../../src/flows/pay/money/pg-money-store.ts'
import { moveOrder } from '../../../src/flows/sell/move-order.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openPool } from '../../../src/platform/postgres/pool.ts'
import { giveSeller } from '../../support/purchases/change.ts'
import { newCheckouts, writeReserved } from '../../support/purchases/write.ts'
import { facts, reserve } from '../../support/reserved.ts'
import { rowsWritten } from '../../support/rows-written.ts'
import { StockWorld } from '../../support/stock-world.ts'
import { createTestDatabase } from '../../support/stores.ts'

async function oneConnection(t: TestContext): Promise<DatabasePool> {
  const url = await createTestDatabase(t)
  const pool = await openPool(url, { max: 1, statementTimeoutMs: 10_000, onError: () => {} })
  t.after(() => pool.end())
  return pool
}

test('a purchase of one SKU is two rows, whatever the batch', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 100 })
  const run: Parameters<typeof rowsWritten>[0] = async ({ sql: text, values }) =>
    (await owner.connection.query({ name: text.slice(0, 60), text, values })) as never
  const batch = async (count: number) => {
    await Promise.all(Array.from({ length: count }, () => world.granted(sku)))
    await owner.runDry()
  }
  await batch(1)
  const { rows } = await rowsWritten(run, () => batch(7))
  assert.deepEqual(
    { orders: rows.orders, order_lines: rows.order_lines },
    { orders: 7, order_lines: 7 },
  )
  assert.deepEqual(Object.keys(rows).sort(), ['ledger', 'order_lines', 'orders'])
})

test('a payment moves the row of its order twice, once in place, and no line', async (t) => {
  const pool = await oneConnection(t)
  const [bought] = await reserve(pool, 1)
  assert.ok(bought)
  const id = bought.checkoutId
  const { rows, inPlace } = await rowsWritten(
    (statement) => pool.any(statement),
    async () => {
      assert.ok(await beginAttempt(pool, bought))
      assert.equal((await capturePayment(pool, id, facts(id)))?.length, 1)
    },
  )
  assert.deepEqual(rows, {
    orders: 2,
    payments: 2,
    payment_attempts: 2,
    outbox: 1,
    stock_commands: 1,
    audit_log: 1,
  })
  assert.equal(inPlace.orders, 1)
})

test('an order that expires is moved once, and its lines are left to their owners', async (t) => {
  const pool = await oneConnection(t)
  await writeReserved(pool, newCheckouts(5), { sku: 'MUG', price: 500, expiresInSeconds: -1 })
  const { rows } = await rowsWritten(
    (statement) => pool.any(statement),
    () => expireHolds({ store: pgMoneyStore(pool), strategy: { post: async () => {} } }),
  )
  assert.deepEqual(rows, { orders: 5, order_history: 5, outbox: 5, stock_commands: 5 })
})

test('a seller who moves an order writes its row and the line, both in place', async (t) => {
  const pool = await oneConnection(t)
  const [bought] = await reserve(pool, 1)
  assert.ok(bought)
  const id = bought.checkoutId
  await beginAttempt(pool, bought)
  await capturePayment(pool, id, facts(id))
  const sellerId = newId()
  await giveSeller(pool, id, sellerId)
  const { rows, inPlace } = await rowsWritten(
    (statement) => pool.any(statement),
    () => moveOrder(pool, { orderId: id, sellerId, to: 'processing' }),
  )
  assert.deepEqual(rows, { orders: 1, order_lines: 1, order_history: 2, audit_log: 1 })
  assert.deepEqual(inPlace, { orders: 1, order_lines: 1 })
})
