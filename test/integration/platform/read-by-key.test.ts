// Plans of prepared statements are kept. Made while tables are small, they must not read them whole, nor
// everything that is open, when a sale has filled them.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { beginAttempt } from '../../../src/flows/pay/money/begin.ts'
import { capturePayment } from '../../../src/flows/pay/money/capture.ts'
import { decideAssemblies } from '../../../src/flows/reserve/assembly.ts'
import { createBeginAssembly } from '../../../src/flows/reserve/begin-assemblies.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { claimDueEvents } from '../../../src/platform/outbox.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import { fillWithOpenCheckouts } from '../../support/purchases/fill.ts'
import { holdParts } from '../../support/purchases/write.ts'
import { facts, reserve } from '../../support/reserved.ts'
import { readMoreThan } from '../../support/rows-read.ts'
import { StockWorld } from '../../support/stock-world.ts'
import { createTestDatabase } from '../../support/stores.ts'

/** PostgreSQL keeps a plan from the sixth run on. */
const warmUps = 8
/** Of one round: a hundred times what it writes into a table, and a tenth of what lies there. */
const rowsMax = 300
const crowd = 3_000
const together = 3

/** A pool that is one connection: its plans are those that are kept, and its reads are all that are counted. */
async function oneConnection(t: TestContext): Promise<DatabasePool> {
  const url = await createTestDatabase(t)
  const pool = await openPool(url, { max: 1, statementTimeoutMs: 10_000, onError: () => {} })
  t.after(() => pool.end())
  return pool
}

async function addMug(pool: DatabasePool): Promise<void> {
  const id = newId()
  await pool.query(sql.typeAlias('none')`
    with seller as (
      insert into accounts (id, email, name, role, password_hash)
      values (${id}, 'seller@example.com', 'A seller', 'seller', '-')),
    product as (
      insert into products (id, seller_id, slug, title, category)
      values (${id}, ${id}, 'mug', 'Mug', 'things'))
    insert into variants (sku, product_id, price, currency) values ('MUG', ${id}, 500, 'EUR')`)
}

test('payments and carts read their own rows, however many others are open', async (t) => {
  const pool = await oneConnection(t)
  await addMug(pool)
  const begin = createBeginAssembly(pool)
  const round = async (count: number) => {
    const reserved = await reserve(pool, count)
    const begun = await Promise.all(reserved.map((each) => beginAttempt(pool, each)))
    assert.ok(begun.every((each) => each !== null))
    const ids = reserved.map(({ checkoutId }) => checkoutId)
    const settled = await Promise.all(ids.map((id) => capturePayment(pool, id, facts(id))))
    assert.ok(settled.every((commands) => commands?.length === 1))
    const carts = ids.map(() => newId())
    const lines = [{ sku: 'MUG', quantity: 1 }]
    await Promise.all(
      carts.map((id) => {
        const purchase = { buyerId: newId(), key: id, fingerprint: '', lines }
        return begin({ id, purchase, most: 1_000 })
      }),
    )
    await holdParts(pool, carts, { sku: 'MUG', price: 500 })
    assert.equal((await decideAssemblies(pool, carts, 900)).length, count)
  }
  // Alone and together: they are different statements.
  for (let i = 0; i < warmUps; i++) await round(i % 2 === 0 ? together : 1)
  for (let i = 0; i < warmUps; i++) await round(together)
  await fillWithOpenCheckouts(pool, { sku: 'MUG', count: crowd })
  for (const count of [together, 1]) {
    const read = await readMoreThan(
      rowsMax,
      (statement) => pool.any(statement),
      () => round(count),
    )
    assert.deepEqual(read, {})
  }
})

test('a worker reads the rows of its batch, however many others there are', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 1_000, limit: 4 })
  const round = async () => {
    const bought = await Promise.all([world.granted(sku), world.granted(sku), world.granted(sku)])
    await owner.runDry()
    for (const checkoutId of bought) await world.command('release', sku, { checkoutId })
    await owner.runDry()
  }
  for (let i = 0; i < warmUps; i++) await round()
  await fillWithOpenCheckouts(world.pool, { sku: 'OTHER', count: crowd })
  const run: Parameters<typeof readMoreThan>[1] = async ({ sql: text, values }) =>
    (await owner.connection.query({ name: text.slice(0, 60), text, values })) as never
  assert.deepEqual(await readMoreThan(rowsMax, run, round), {})
})

test('whoever takes the next facts does not read past the mails that wait', async (t) => {
  const pool = await oneConnection(t)
  await pool.query(sql.typeAlias('none')`
    insert into outbox (topic, key) select 'mail', i::text from generate_series(1, ${crowd}) as i`)
  await pool.query(
    sql.typeAlias('none')`insert into outbox (topic, key) values ('order.paid', 'one')`,
  )
  const read = await readMoreThan(
    rowsMax,
    (statement) => pool.any(statement),
    async () => assert.equal((await claimDueEvents(pool, 'facts', 200)).length, 1),
  )
  assert.deepEqual(read, {})
})
