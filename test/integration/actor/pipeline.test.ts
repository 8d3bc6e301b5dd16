// The connection that commits: one round trip for a batch, and no way to keep a lock by silence.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { sqlState } from '../../../src/platform/postgres/pipeline.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { startHoldingProxy } from '../../support/holding-proxy.ts'
import { type NewSku, StockWorld } from '../../support/stock-world.ts'

/** A SKU on sale whose owner speaks to PostgreSQL through a proxy. */
async function behindProxy(t: TestContext, offer: NewSku) {
  const world = await StockWorld.start(t)
  const { sku } = await world.open(offer)
  const url = new URL(world.databaseUrl)
  const proxy = await startHoldingProxy(t, { host: url.hostname, port: Number(url.port) })
  url.port = String(proxy.port)
  const owner = await world.takeOver(partitionOf(sku), {}, url.href)
  return { world, sku, proxy, owner }
}

test('a batch is one transaction in one round trip: COMMIT leaves before anything is answered', async (t) => {
  const { world, sku, proxy, owner } = await behindProxy(t, { units: 20, limit: 9 })
  await world.granted(sku)
  await owner.actor.pass()
  for (let i = 0; i < 5; i++) await world.granted(sku)
  proxy.hold()
  const passing = owner.actor.pass()
  await eventually(() => proxy.sent().includes('COMMIT'))
  assert.equal(proxy.sent().split('BEGIN').length, 2)
  assert.equal(proxy.sent().split('COMMIT').length, 2)
  assert.equal(owner.committed.length, 1)
  proxy.release()
  assert.deepEqual(await passing, { anything: true, arrivals: 5, parts: false })
  assert.equal(owner.committed.length, 2)
  await owner.runDry()
  assert.equal((await world.assertSound(sku)).held, 6)
})

test('a batch of orders without a limit is one statement, without BEGIN and COMMIT', async (t) => {
  const { world, sku, proxy, owner } = await behindProxy(t, { units: 20 })
  await world.granted(sku)
  await owner.actor.pass()
  for (let i = 0; i < 5; i++) await world.granted(sku)
  proxy.hold()
  const passing = owner.actor.pass()
  await eventually(() => proxy.sent().includes('move-ledger'))
  assert.equal(proxy.sent().split('move-ledger').length, 2)
  assert.doesNotMatch(proxy.sent(), /BEGIN|COMMIT/)
  proxy.release()
  assert.deepEqual(await passing, { anything: true, arrivals: 5, parts: false })
  await owner.runDry()
  assert.equal((await world.assertSound(sku)).held, 6)
})

const lastWords = [
  { last: 'COMMIT', offer: { units: 20, limit: 9 } },
  { last: 'move-ledger', offer: { units: 20 } },
]
for (const { last, offer } of lastWords) {
  test(`an owner that hears nothing after ${last} does not believe its memory`, async (t) => {
    const { world, sku, proxy, owner } = await behindProxy(t, offer)
    await world.granted(sku, { units: 3 })
    proxy.hold()
    const passing = owner.actor.pass().then(
      () => 'committed',
      () => 'unknown',
    )
    // What precedes the batch is let through; then its answer is lost with the connection.
    await eventually(async () => {
      if (proxy.sent().includes(last)) return true
      proxy.release()
      proxy.hold()
      return false
    })
    await eventually(async () => (await world.ledger(sku)).held === 3)
    proxy.cut()
    assert.equal(await passing, 'unknown')
    assert.equal(owner.committed.length, 0)
    const next = await world.takeOver(partitionOf(sku))
    await next.runDry()
    const row = await world.assertSound(sku)
    assert.deepEqual([row.free, row.held], [17, 3])
  })
}

test('a transaction that falls silent is ended by the server', async (t) => {
  const world = await StockWorld.start(t)
  const connection = await world.connect()
  await connection.query({ name: '', text: 'begin', values: [] })
  await eventually(() => connection.lost)
})

test('who hears that PostgreSQL ended the connection knows it as lost at once', async (t) => {
  const world = await StockWorld.start(t)
  const connection = await world.connect()
  const ending = { name: 'end', text: 'select pg_terminate_backend(pg_backend_pid())', values: [] }
  const lost = await connection.query(ending).then(
    () => 'no error',
    () => connection.lost,
  )
  assert.equal(lost, true)
})

test('PostgreSQL gives a silent transaction 2 seconds, and a machine that has gone 5', async (t) => {
  const world = await StockWorld.start(t)
  const connection = await world.connect()
  const [row] = await connection.query({
    name: 'keep-alives',
    text: `select current_setting('tcp_keepalives_idle')::int as idle,
      current_setting('tcp_keepalives_interval')::int as interval,
      current_setting('tcp_keepalives_count')::int as count,
      current_setting('idle_in_transaction_session_timeout') as silence`,
    values: [],
  })
  assert.deepEqual(row, { idle: 2, interval: 1, count: 3, silence: '2s' })
})

test('a transaction with an error in its middle commits nothing and says which', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 5 })
  const connection = await world.connect()
  const change = (name: string, text: string) => ({ name, text, values: [sku] })
  await assert.rejects(
    connection.transaction([
      change('one', 'update ledger set on_hand = 6, free = 6 where sku = $1'),
      change('two', 'update ledger set free = -1 where sku = $1'),
      change('three', 'update ledger set on_hand = 7, free = 7 where sku = $1'),
    ]),
    (error) => sqlState(error) === '23514',
  )
  assert.equal((await world.ledger(sku)).free, 5)
  await connection.transaction([
    change('one', 'update ledger set on_hand = 6, free = 6 where sku = $1'),
  ])
  assert.equal((await world.ledger(sku)).free, 6)
})
