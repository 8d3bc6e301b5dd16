/**
 * Real stores for tests. `npm test` starts one PostgreSQL for all files and hands its address over; a
 * file that is run alone starts its own. Every test has a database, and a Redis process, of its own.
 */
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { type PostgresHandle, startPostgres } from '../../dev/embedded-postgres.ts'
import { type RedisHandle, startRedis } from '../../dev/embedded-redis.ts'
import { signalQuietly } from '../../dev/processes.ts'
import {
  removeTestFolder,
  startTestCluster,
  type TestCluster,
  templateDatabase,
  testFolder,
} from '../cluster.ts'
import { closeAfter, closeLast } from './at-the-end.ts'

type Closing = Pick<TestContext, 'after'>

let ownCluster: Promise<TestCluster> | undefined
let maintenance: Promise<pg.Client> | undefined
closeLast(async () => {
  await (await maintenance)?.end()
  await (await ownCluster)?.stop()
})

/** The URL of a migrated, empty database that lives as long as the test. */
export function createTestDatabase(t: Closing): Promise<string> {
  return createDatabase(t, templateDatabase)
}

/** As {@link createTestDatabase}, without any table. */
export function createEmptyDatabase(t: Closing): Promise<string> {
  return createDatabase(t, 'template0')
}

async function createDatabase(t: Closing, template: string): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`
  // Copied as files: the other way writes each page to the log as well, at three times the cost.
  const copy = `template ${template} strategy file_copy`
  await onServer(`create database ${name} ${copy}`)
  closeAfter(t, () => onServer(`drop database if exists ${name} with (force)`))
  const url = new URL(await maintenanceUrl())
  url.pathname = `/${name}`
  return url.href
}

/** A Redis of the test's own, flushed to disk before every answer. With `cluster`, a cluster of one. */
export async function createTestRedis(
  t: Closing,
  options: { readonly cluster?: boolean; readonly args?: readonly string[] } = {},
): Promise<RedisHandle> {
  const dir = testFolder('redis')
  const server = await startRedis({ ...options, dir })
  // Asked to end, Redis looks at its clock first, which ticks ten times a second; nothing of it is kept.
  closeWith(t, dir, server, () => server.kill('SIGKILL'))
  return server
}

/** A durable PostgreSQL of the test's own, for tests that kill it. Its database `sluice` is empty. */
export async function createTestPostgres(t: Closing): Promise<PostgresHandle> {
  const dir = testFolder('postgres')
  const server = await startPostgres({ dir })
  closeWith(t, dir, server, async () => {
    await server.kill('SIGCONT')
    await server.stop()
  })
  return server
}

/** A folder that lives as long as the test. */
export function createTestFolder(t: Closing): string {
  const dir = testFolder('files')
  closeAfter(t, () => removeTestFolder(dir))
  return dir
}

function closeWith(
  t: Closing,
  dir: string,
  server: RedisHandle | PostgresHandle,
  end: () => Promise<void>,
): void {
  // A test file that ends in the middle must not leave its servers behind.
  const last = () => server.running && signalQuietly(server.pid, 'SIGKILL')
  process.once('exit', last)
  closeAfter(t, async () => {
    process.off('exit', last)
    await end()
    removeTestFolder(dir)
  })
}

async function maintenanceUrl(): Promise<string> {
  const handed = process.env.SLUICE_TEST_DATABASE_URL
  if (handed) return handed
  ownCluster ??= startTestCluster()
  return (await ownCluster).url
}

/** One connection for all: each new one would cost as much CPU as the database that it makes. */
async function onServer(statement: string): Promise<void> {
  maintenance ??= maintenanceUrl().then(connectTo)
  await (await maintenance).query(statement)
}

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  return client
}
