// The parts on their own: what they answer to --help and to slips, and on which schema they start. Real processes
// on a real PostgreSQL.
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import test, { type TestContext } from 'node:test'
import pg from 'pg'
import { migrate, migrateDown } from '../../../src/platform/postgres/migrate.ts'
import { requireSchema } from '../../../src/platform/postgres/schema.ts'
import { type Child, startChild } from '../../support/child.ts'
import { eventually } from '../../support/eventually.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { createTestDatabase, createTestFolder, createTestRedis } from '../../support/stores.ts'

const service = (t: TestContext, words: readonly string[], env: Record<string, string> = {}) =>
  startChild(t, 'src/main.ts', words, env)

/** Runs a command to its end, which must come soon. */
async function run(child: Child) {
  const ended = () => assert.notEqual(child.process.exitCode ?? child.process.signalCode, null)
  await eventually(ended, { timeoutMs: 30_000 })
  return { code: await child.ended, said: child.said() }
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const commands = [
  ['src/main.ts', 'api', '--prot'],
  ['src/main.ts', 'worker', '--hlep'],
  ['src/main.ts', 'migrate', '--yse'],
  ['src/main.ts', 'verify', '--jsno'],
  ['dev/main.ts', 'verify', '--jsno'],
  ['dev/main.ts', 'seed', '--porducts'],
  ['dev/main.ts', 'stripe', '--hepl'],
  ['dev/main.ts', 'start', '--hepl'],
] as const

for (const [entry, role, slip] of commands) {
  test(`${entry} ${role} says what it takes, and refuses ${slip}`, async (t) => {
    const [help, refused] = await Promise.all([
      run(startChild(t, entry, [role, '--help'])),
      run(startChild(t, entry, [role, slip])),
    ])
    assert.equal(help.code, 0, help.said)
    assert.match(help.said, new RegExp(`^usage: npm (run )?${role}.*\\n\\n[A-Z]`))
    assert.equal(refused.code, role === 'verify' ? 2 : 1)
    assert.match(refused.said, new RegExp(`^${slip}: not known[^\\n]*--help\\)\\n$`))
    if (slip !== '--prot') assert.match(refused.said, /did you mean --\w+\?/)
  })
}

test('migrate goes forward, lists, and goes one step back', async (t) => {
  const url = await createTestDatabase(t)
  const names = (await query(url, 'select name from migrations order by id')).map(
    ({ name }) => name,
  )
  const last = names.at(-1)
  const on = { DATABASE_URL: url }
  const slip = await run(service(t, ['migrate', 'dwon'], on))
  assert.equal(slip.code, 1)
  assert.match(slip.said, /^dwon: not known, did you mean down\?/)

  assert.deepEqual(await run(service(t, ['migrate', 'down'], on)), {
    code: 0,
    said: `taken back: ${last}\n`,
  })
  const status = await run(service(t, ['migrate', 'status'], on))
  const lines = names.map((name) => `${name === last ? 'pending' : 'applied'}  ${name}\n`)
  assert.deepEqual(status, { code: 0, said: lines.join('') })
  assert.deepEqual(await run(service(t, ['migrate'], on)), { code: 0, said: `migrated: ${last}\n` })
  assert.deepEqual(await run(service(t, ['migrate', 'up'], on)), {
    code: 0,
    said: 'the database is up to date\n',
  })
})

test('in production nothing is taken back by a slip of the hand', async (t) => {
  const url = await createTestDatabase(t)
  const production = {
    NODE_ENV: 'production',
    DATABASE_URL: url,
    JWT_SECRET: 'a-secret-of-this-test-that-is-long-enough',
    STRIPE_SECRET_KEY: 'sk_test_of_this_test',
    STRIPE_WEBHOOK_SECRET: 'whsec_of_this_test',
  }
  const before = await query(url, 'select name from migrations')
  const refused = await run(service(t, ['migrate', 'down'], production))
  assert.equal(refused.code, 1)
  assert.match(refused.said, /^migrate down [^\n]*--yes[^\n]*\n$/)
  assert.deepEqual(await query(url, 'select name from migrations'), before)
  const done = await run(service(t, ['migrate', 'down', '--yes'], production))
  assert.equal(done.code, 0, done.said)
  assert.equal((await query(url, 'select name from migrations')).length, before.length - 1)
})

for (const role of ['api', 'worker'] as const) {
  test(`the ${role} starts on the schema of its release, and on no other`, async (t) => {
    const [url, redis] = await Promise.all([createTestDatabase(t), createTestRedis(t)])
    const env = {
      DATABASE_URL: url,
      REDIS_URL: redis.url,
      PORT: '0',
      DATA_DIR: createTestFolder(t),
    }
    const start = () => run(service(t, [role], env))
    await migrateDown(url)
    const older = await start()
    assert.equal(older.code, 1)
    assert.match(
      older.said,
      /^the database is at \d{4}_\w+, and this release needs \d{4}_\w+: run npm run migrate\n$/,
    )
    await migrate(url, () => {})
    await query(url, `insert into migrations (name, run_on) values ('9999_of_tomorrow', now())`)
    const newer = await start()
    assert.equal(newer.code, 1)
    assert.match(
      newer.said,
      /^the database is at 9999_of_tomorrow, and this release knows no further than \d{4}_\w+: deploy a newer release\n$/,
    )
    const unmoved = await run(service(t, ['migrate'], env))
    assert.equal(unmoved.code, 1)
    assert.match(
      unmoved.said,
      /^the database is at 9999_of_tomorrow, [^\n]*: deploy a newer release\n$/,
    )
    assert.match(
      (await run(service(t, ['migrate', 'status'], env))).said,
      /^unknown {2}9999_of_tomorrow/m,
    )
    await query(url, `delete from migrations where name = '9999_of_tomorrow'`)
    const running = service(t, [role], env)
    await eventually(() => assert.match(running.said(), /the API listens|the worker runs/), {
      timeoutMs: 20_000,
    })
    running.process.kill('SIGTERM')
    assert.equal(await running.ended, 0)
  })
}

test('an empty database is told from one that is behind', async (t) => {
  const [url, redis] = await Promise.all([createTestDatabase(t), createTestRedis(t)])
  await query(url, 'drop schema public cascade; create schema public')
  const { code, said } = await run(
    service(t, ['worker'], { DATABASE_URL: url, REDIS_URL: redis.url }),
  )
  assert.equal(code, 1)
  assert.match(said, /^the database is at no migration, [^\n]*: run npm run migrate\n$/)
  assert.deepEqual(await query(url, `select from pg_tables where schemaname = 'public'`), [])
})

test('a part that starts before PostgreSQL waits for it, and can be stopped meanwhile', async (t) => {
  const [url, redis] = await Promise.all([createTestDatabase(t), createTestRedis(t)])
  const real = new URL(url)
  let [up, tries] = [false, 0]
  const door = createServer((socket) => {
    tries++
    socket.on('error', () => {})
    if (!up) return void socket.destroy()
    const server = connect(Number(real.port), real.hostname)
    server.on('error', () => socket.destroy())
    socket.pipe(server).pipe(socket)
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  t.after(() => door.close())
  const through = new URL(url)
  through.host = `127.0.0.1:${(door.address() as AddressInfo).port}`
  const env = { DATABASE_URL: through.href, REDIS_URL: redis.url, DATA_DIR: createTestFolder(t) }

  const stopped = service(t, ['worker'], env)
  await eventually(() => assert.ok(tries >= 2), { timeoutMs: 20_000 })
  stopped.process.kill('SIGTERM')
  assert.equal(await stopped.ended, 0)
  assert.equal(stopped.said(), '')

  tries = 0
  const waiting = service(t, ['worker'], env)
  await eventually(() => assert.ok(tries >= 2), { timeoutMs: 20_000 })
  up = true
  await eventually(() => assert.match(waiting.said(), /worker runs/), { timeoutMs: 20_000 })
  waiting.process.kill('SIGTERM')
  assert.equal(await waiting.ended, 0)
})

test('a PostgreSQL that never answers is not waited for longer than said', async () => {
  const clock = manualClock({ hurried: true })
  const from = clock.monotonic()
  const nowhere = 'postgres://nobody@127.0.0.1:1/none'
  await assert.rejects(requireSchema(nowhere, { clock, patienceMs: 2_000 }), {
    name: 'SchemaRefused',
    message: /^PostgreSQL cannot be asked for its schema: [^\n]*ECONNREFUSED[^\n]*$/,
  })
  assert.equal(clock.monotonic() - from, 2_000)
})
