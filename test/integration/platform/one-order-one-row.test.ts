// A database from before an order was one row, with purchases in every way they can stand, is carried over whole:
// buyers read what they read before, every promise is kept, and the way back restores each row.
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import type { DatabasePool } from 'slonik'
import { findCheckout } from '../../../src/flows/reserve/checkout-repository.ts'
import { AppError } from '../../../src/kernel/errors.ts'
import { checkCheckouts } from '../../../src/ops/checkout-guarantees.ts'
import { Findings } from '../../../src/ops/findings.ts'
import { checkMoney } from '../../../src/ops/money-guarantee.ts'
import { checkLimits, checkOversold } from '../../../src/ops/stock-guarantees.ts'
import { createOrders } from '../../../src/orders/orders.ts'
import { migrate } from '../../../src/platform/postgres/migrate.ts'
import { openPool } from '../../../src/platform/postgres/pool.ts'
import { checkoutOf, holdStateOf, isReclaiming } from '../../support/purchases/find.ts'
import {
  type OldRow,
  oldRows,
  oldViewOf,
  writeOldPurchases,
} from '../../support/purchases/old-layout.ts'
import { createEmptyDatabase, createTestFolder } from '../../support/stores.ts'

const migrations = fileURLToPath(new URL('../../../migrations', import.meta.url))
const files = readdirSync(migrations).sort()
const mine = '0010_one_order_one_row.sql'

async function breaches(pool: DatabasePool): Promise<string[]> {
  const [lost, once, money, twice] = [3, 4, 5, 4].map((id) => new Findings(id as 3 | 4 | 5)) as [
    Findings,
    Findings,
    Findings,
    Findings,
  ]
  await checkCheckouts(pool, lost, once)
  await checkMoney(pool, money, twice)
  const all = [lost, once, money, twice, await checkOversold(pool), await checkLimits(pool)]
  return all.flatMap((found) => found.result().breaches)
}

/** Orders that were never reserved are not shown. */
function unlessMissing(error: unknown): null {
  if (error instanceof AppError && error.code === 'not_found') return null
  throw error
}

/** What the code of today shows, as `oldViewOf` did of the tables before. */
async function viewOf(pool: DatabasePool, { id, buyerId }: OldRow) {
  const found = await findCheckout(pool, id, buyerId)
  assert.ok(found)
  const { status, orderId, total, currency, items } = found.view
  const orders = createOrders({ pool })
  const order = await orders.get({ id: buyerId, role: 'buyer' }, id).catch(unlessMissing)
  const lines = order?.items.map((line) => [line.sku, line.title, line.status])
  const shown = order && { number: order.number, status: order.status, lines }
  return { status, orderId, total, currency, items, order: shown }
}

test('purchases of every kind are carried over to one row each, and back', async (t) => {
  const url = await createEmptyDatabase(t)
  const folder = createTestFolder(t)
  for (const file of files.filter((name) => name < mine)) {
    copyFileSync(join(migrations, file), join(folder, file))
  }
  await migrate(url, () => {}, { folder })
  const pool = await openPool(url, { max: 2, statementTimeoutMs: 10_000, onError: () => {} })
  t.after(() => pool.end())
  const rows = await writeOldPurchases(pool)
  const before = await oldRows(pool)
  const views = await Promise.all(rows.map(({ id }) => oldViewOf(pool, id)))

  // The code of today reads the tables of today.
  const since = files.filter((name) => name >= mine && name.endsWith('.sql'))
  for (const file of since) copyFileSync(join(migrations, file), join(folder, file))
  const names = since.map((name) => name.replace('.sql', ''))
  assert.deepEqual(await migrate(url, () => {}, { folder }), names)
  for (const [i, row] of rows.entries()) {
    assert.deepEqual(await viewOf(pool, row), views[i], row.name)
  }
  const named = (name: string) => rows.find((row) => row.name === name)?.id ?? ''
  assert.equal(await isReclaiming(pool, named('late money, being reclaimed')), true)
  assert.equal(await isReclaiming(pool, named('late money, refunded')), false)
  assert.equal(await holdStateOf(pool, named('a part that is void'), 'CUP'), 'void')
  assert.equal(await holdStateOf(pool, named('an assembly that has one part'), 'CUP'), 'held')
  assert.equal(await holdStateOf(pool, named('an assembly that has one part'), 'MUG'), null)
  const duplicate = await checkoutOf(pool, named('a duplicate'))
  assert.equal(duplicate?.duplicateOf, named('reserved'))
  assert.deepEqual(await breaches(pool), [])

  await runner({
    databaseUrl: url,
    dir: folder,
    direction: 'down',
    count: since.length,
    migrationsTable: 'migrations',
    log: () => {},
  })
  assert.deepEqual(await oldRows(pool), before)
  for (const [i, { id, name }] of rows.entries()) {
    assert.deepEqual(await oldViewOf(pool, id), views[i], name)
  }
})
