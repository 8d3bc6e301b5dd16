// `npm run verify`, as a person or a machine runs it: on stores by address, on a stopped data folder, on
// nothing at all. Runs the real command as a process.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { writeRuntime } from '../../../dev/runtime-file.ts'
import { startServices } from '../../../dev/services.ts'
import { migrate, migrateDown } from '../../../src/platform/postgres/migrate.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import { type Child, startChild } from '../../support/child.ts'
import { startedLongAgo } from '../../support/guarantees.ts'
import { overdueWithNothing } from '../../support/purchases/damage.ts'
import { startTestSimulator, testStripeKey } from '../../support/simulator.ts'
import { createTestDatabase, createTestFolder, createTestRedis } from '../../support/stores.ts'

const none = sql.typeAlias('none')

/** Runs the command to its end; what it says on standard output is kept apart. */
async function verify(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | string; out: string; said: string }> {
  const child: Child = startChild(t, 'dev/main.ts', ['verify', ...args], env)
  let out = ''
  child.process.stdout?.on('data', (data) => {
    out += data
  })
  return { code: await child.ended, out, said: child.said() }
}

async function stores(t: TestContext) {
  const [databaseUrl, redis] = await Promise.all([createTestDatabase(t), createTestRedis(t)])
  return { redis, env: { DATABASE_URL: databaseUrl, REDIS_URL: redis.url } }
}

async function onDatabase<T>(url: string, work: (pool: DatabasePool) => Promise<T>): Promise<T> {
  const pool = await openPool(url, { max: 1, statementTimeoutMs: 5_000, onError: () => {} })
  const result = await work(pool)
  await pool.end()
  return result
}

/** 3 of 5 units are held in the ledger, by nobody. */
const heldByNobody = (pool: DatabasePool) =>
  pool.query(none`
    insert into ledger (sku, partition, on_hand, free, held) values ('GHOST-1', 7, 5, 2, 3)`)

test('kept promises end with code 0, a table, and as JSON nothing but the report', async (t) => {
  const { env } = await stores(t)
  const table = await verify(t, [], env)
  assert.equal(table.code, 0, table.said)
  assert.match(table.out, / 1 Never oversold .* kept .*\n[\s\S]*every guarantee is kept\n$/)
  const json = await verify(t, ['--json'], env)
  assert.equal(json.code, 0, json.said)
  const report = JSON.parse(json.out)
  assert.deepEqual(Object.keys(report), ['kept', 'promises'])
  assert.equal(report.kept, true)
  assert.equal(report.promises.length, 7)
})

test('a broken guarantee ends with code 1 and names the SKU and the repair', async (t) => {
  const { env } = await stores(t)
  await onDatabase(env.DATABASE_URL, heldByNobody)
  const table = await verify(t, [], env)
  assert.equal(table.code, 1, table.said)
  assert.match(table.out, /1 Never oversold .*BROKEN.*\n {5}! GHOST-1: .*repair: /)
  const json = await verify(t, ['--json'], env)
  assert.equal(json.code, 1, json.said)
  const report = JSON.parse(json.out)
  assert.equal(report.kept, false)
  assert.match(report.promises[0].breaches[0], /GHOST-1/)
})

test('a stopped data folder is started for the check, and stopped again', async (t) => {
  const dataDir = createTestFolder(t)
  const services = await startServices({ dataDir, log: () => {} })
  t.after(() => services.stop())
  await migrate(services.databaseUrl, () => {})
  await onDatabase(services.databaseUrl, heldByNobody)
  await services.stop()
  const json = await verify(t, ['--json'], { DATA_DIR: dataDir })
  assert.equal(json.code, 1, json.said)
  assert.match(JSON.parse(json.out).promises[0].breaches[0], /GHOST-1/)
  // The folder is free again: a second run could not have it otherwise.
  assert.equal((await verify(t, [], { DATA_DIR: dataDir })).code, 1)
})

test('holds are judged by the sweep of the system that runs, not by the setting of the command', async (t) => {
  const { env, redis } = await stores(t)
  const dataDir = createTestFolder(t)
  const id = await onDatabase(env.DATABASE_URL, async (pool) => {
    await pool.query(none`insert into workers (id) values (${startedLongAgo})`)
    return overdueWithNothing(pool, 60)
  })
  const overdue = async (sweepSeconds: number) => {
    writeRuntime(dataDir, {
      ...{ apiUrl: '', stripeUrl: null, mailDir: '', sweepSeconds },
      ...{ databaseUrl: env.DATABASE_URL, redisUrl: env.REDIS_URL },
      processes: [{ role: 'redis', pid: redis.pid }],
    })
    const { out } = await verify(t, ['--json'], { DATA_DIR: dataDir, SWEEP_SECONDS: '600' })
    return JSON.parse(out).promises[5].breaches
  }
  assert.match((await overdue(10)).join(), new RegExp(`${id} is reserved past its deadline`))
  assert.deepEqual(await overdue(120), [])
})

test('the comparison with the provider says whom it could not ask, and never that all is well', async (t) => {
  const { env } = await stores(t)
  const nobody = await verify(t, ['--provider'], env)
  assert.equal(nobody.code, 2, nobody.said)
  assert.match(nobody.out, /every guarantee is kept\n$/)
  assert.match(nobody.said, /cannot compare with the payment provider: STRIPE_SECRET_KEY: is not/)
  const simulator = await startTestSimulator(t)
  const there = { ...env, STRIPE_API_BASE: simulator.url, STRIPE_SECRET_KEY: testStripeKey }
  const agreed = await verify(t, ['--provider', '--json'], there)
  assert.equal(agreed.code, 0, agreed.said)
  const { kept, promises, provider } = JSON.parse(agreed.out)
  assert.deepEqual([kept, promises.length, provider.kept], [true, 7, true])
  assert.deepEqual(Object.keys(provider), ['kept', 'charges', 'refunds'])
  await simulator.stop()
  const away = await verify(t, ['--provider', '--json'], there)
  assert.equal(away.code, 2, away.said)
  assert.equal(JSON.parse(away.out).provider, null)
  assert.match(away.said, /the payment provider cannot be reached/)
})

test('what cannot be checked ends with code 2 and one line', async (t) => {
  const { env, redis } = await stores(t)
  const oneLine = /^cannot check[^\n]*\n$/
  const nowhere = await verify(t, [], { ...env, DATABASE_URL: 'postgres://127.0.0.1:1/none' })
  assert.equal(nowhere.code, 2, nowhere.said)
  assert.match(nowhere.said, oneLine)
  const empty = await verify(t, [], { DATA_DIR: createTestFolder(t) })
  assert.equal(empty.code, 2, empty.said)
  assert.match(empty.said, /^cannot check: DATA_DIR: [^\n]*\n$/)
  const strange = await verify(t, ['--jsno'], env)
  assert.equal(strange.code, 2, strange.said)
  assert.match(strange.said, /^--jsno: not known, did you mean --json\? [^\n]*\n$/)
  const older = await createTestDatabase(t)
  await migrateDown(older)
  const unfit = await verify(t, [], { ...env, DATABASE_URL: older })
  assert.equal(unfit.code, 2, unfit.said)
  assert.match(
    unfit.said,
    /^cannot check: the database is at \d{4}_\w+, and [^\n]*npm run migrate\n$/,
  )
  await redis.stop()
  const half = await verify(t, ['--json'], env)
  assert.equal(half.code, 2, half.said)
  assert.equal(JSON.parse(half.out).kept, true)
})
