// The private stores start, keep their data, and leave nothing behind, also after their launcher or they
// themselves are killed. Everything is real: PostgreSQL, Redis and launchers that are killed.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Redis } from 'ioredis'
import pg from 'pg'
import { DataDirInUse } from '../../../dev/data-lock.ts'
import { isAlive } from '../../../dev/processes.ts'
import { type ServiceProcess, startServices } from '../../../dev/services.ts'
import { startChild } from '../../support/child.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestFolder } from '../../support/stores.ts'

const quiet = () => {}

interface Said {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly processes: ServiceProcess[]
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', quiet)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function onRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

test('the stores start durable and on loopback only, and stop without leaving a process', async (t) => {
  const services = await startServices({ dataDir: createTestFolder(t), log: quiet })
  t.after(() => services.stop())
  const pids = services.processes.map(({ pid }) => pid)
  assert.deepEqual(
    services.processes.map(({ role }) => role),
    ['postgres', 'redis'],
  )
  const shown = async (name: string) =>
    (await query(services.databaseUrl, `show ${name}`))[0]?.[name]
  assert.equal(await shown('listen_addresses'), '127.0.0.1')
  assert.equal(await shown('unix_socket_directories'), '')
  assert.equal(await shown('fsync'), 'on')
  assert.equal(await shown('data_checksums'), 'on')
  assert.equal(await shown('track_commit_timestamp'), 'on')
  await onRedis(services.redisUrl, async (redis) => {
    assert.deepEqual(await redis.config('GET', 'appendfsync'), ['appendfsync', 'always'])
    assert.deepEqual(await redis.config('GET', 'maxmemory-policy'), [
      'maxmemory-policy',
      'noeviction',
    ])
    assert.deepEqual(await redis.config('GET', 'bind'), ['bind', '127.0.0.1'])
  })
  await services.stop()
  assert.deepEqual(pids.filter(isAlive), [])
  assert.deepEqual(services.processes, [])
})

test('PostgreSQL wants its password', async (t) => {
  const services = await startServices({
    dataDir: createTestFolder(t),
    log: quiet,
    only: ['postgres'],
  })
  t.after(() => services.stop())
  const url = new URL(services.databaseUrl)
  url.password = 'wrong'
  await assert.rejects(query(url.href, 'select 1'), /password authentication failed/)
})

test('the data outlives a stop', async (t) => {
  const dataDir = createTestFolder(t)
  const first = await startServices({ dataDir, log: quiet })
  await query(first.databaseUrl, 'create table kept as select 7 as seven')
  await onRedis(first.redisUrl, (redis) => redis.set('kept', 'seven'))
  await first.stop()
  const second = await startServices({ dataDir, log: quiet })
  t.after(() => second.stop())
  assert.deepEqual(await query(second.databaseUrl, 'select seven from kept'), [{ seven: 7 }])
  assert.equal(await onRedis(second.redisUrl, (redis) => redis.get('kept')), 'seven')
})

test('both stores, killed without warning, come back on the same address with what was acknowledged', async (t) => {
  const services = await startServices({ dataDir: createTestFolder(t), log: quiet })
  t.after(() => services.stop())
  const { postgres, redis } = services
  assert.ok(postgres && redis)
  await query(services.databaseUrl, 'create table kept as select 7 as seven')
  await onRedis(redis.url, (client) => client.set('kept', 'seven'))
  const before = { postgres: postgres.url, redis: redis.url, pids: [postgres.pid, redis.pid] }
  await postgres.kill('SIGKILL')
  await redis.kill('SIGKILL')
  assert.equal(await postgres.ended, 'ended by SIGKILL')
  assert.deepEqual([postgres.running, redis.running], [false, false])
  await Promise.all([postgres.restart(), redis.restart()])
  assert.deepEqual([postgres.url, redis.url], [before.postgres, before.redis])
  assert.ok(!before.pids.includes(postgres.pid) && !before.pids.includes(redis.pid))
  assert.deepEqual(await query(services.databaseUrl, 'select seven from kept'), [{ seven: 7 }])
  assert.equal(await onRedis(redis.url, (client) => client.get('kept')), 'seven')
})

test('a second launcher on a data folder is refused with the id of the first', async (t) => {
  const dataDir = createTestFolder(t)
  const services = await startServices({ dataDir, log: quiet })
  t.after(() => services.stop())
  await assert.rejects(
    startServices({ dataDir, log: quiet }),
    (error) => error instanceof DataDirInUse && error.message.includes(`process ${process.pid}`),
  )
  const other = startChild(t, 'test/integration/dev/launcher.ts', [dataDir])
  assert.equal(await other.ended, 1)
  assert.match(other.said(), new RegExp(`in use by process ${process.pid}`))
})

test('a start after the launcher was killed ends what it left behind and keeps the data', async (t) => {
  const dataDir = createTestFolder(t)
  const launcher = startChild(t, 'test/integration/dev/launcher.ts', [dataDir])
  const first = await eventually(() => JSON.parse(launcher.said()) as Said, { timeoutMs: 30_000 })
  await query(first.databaseUrl, 'create table kept as select 7 as seven')
  launcher.process.kill('SIGKILL')
  await launcher.ended
  assert.equal(first.processes.filter(({ pid }) => isAlive(pid)).length, 2)

  const lines: string[] = []
  const services = await startServices({ dataDir, log: (line) => lines.push(line) })
  t.after(() => services.stop())
  assert.deepEqual(
    first.processes.filter(({ pid }) => isAlive(pid)),
    [],
  )
  assert.equal(lines.filter((line) => line.includes('left behind')).length, 2)
  assert.deepEqual(await query(services.databaseUrl, 'select seven from kept'), [{ seven: 7 }])
})

test('a lock of a process that is gone, or of another with its id, is taken over', async (t) => {
  const dataDir = createTestFolder(t)
  for (const stale of [
    { pid: 1_999_999, birth: '1' },
    { pid: process.pid, birth: '1' },
    'garbage',
  ]) {
    writeFileSync(join(dataDir, 'launcher.lock'), JSON.stringify(stale))
    const services = await startServices({ dataDir, log: quiet, only: ['redis'] })
    await services.stop()
    assert.equal(existsSync(join(dataDir, 'launcher.lock')), false)
  }
})

test('an initialisation that was interrupted is begun anew', async (t) => {
  const dataDir = createTestFolder(t)
  mkdirSync(join(dataDir, 'postgres', 'data.new'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres', 'data.new', 'half'), '')
  const services = await startServices({ dataDir, log: quiet, only: ['postgres'] })
  t.after(() => services.stop())
  assert.equal(services.redisUrl, '')
  assert.deepEqual(await query(services.databaseUrl, 'select 1 as one'), [{ one: 1 }])
})
