/** One throw-away PostgreSQL for a whole test run, with a migrated database to copy from. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../dev/embedded-postgres.ts'
import { endProcesses, isAlive, leftoversIn } from '../dev/processes.ts'
import { migrate } from '../src/platform/postgres/migrate.ts'

export interface TestCluster {
  /** Of the maintenance database; test databases are made next to it. */
  readonly url: string
  stop(): Promise<void>
}

export const templateDatabase = 'sluice_template'
const prefix = 'sluice-test-'
/** A file system in memory, where there is one. */
const inMemory = '/dev/shm'
const roomyBytes = 4 * 1024 ** 3
const parent = roomInMemory() ? inMemory : tmpdir()

/**
 * Stores of tests lie in memory where there is plenty: making a database is making and removing hundreds
 * of files, and Redis waits for the disk before each answer. No test takes the power from the machine, so
 * none can tell the two apart.
 */
function roomInMemory(): boolean {
  if (!existsSync(inMemory)) return false
  const { bavail, bsize } = statfsSync(inMemory)
  return Math.min(bavail * bsize, process.availableMemory()) >= roomyBytes
}

/** A new folder, whose name tells which process it belongs to. */
export function testFolder(what: string): string {
  const dir = join(parent, `${prefix}${process.pid}-`)
  const made = realpathSync(mkdtempSync(dir))
  const inner = join(made, what)
  mkdirSync(inner)
  return inner
}

/** Removes a folder of {@link testFolder}. */
export function removeTestFolder(inner: string): void {
  rmSync(join(inner, '..'), { recursive: true, force: true, maxRetries: 5 })
}

/** Starts the cluster, not durable (nothing in it is kept), and migrates its template database. */
export async function startTestCluster(): Promise<TestCluster> {
  const dir = testFolder('postgres')
  const server = await startPostgres({ dir, durable: false })
  const url = server.urlOf('postgres')
  await server.createDatabase(templateDatabase)
  await migrate(server.urlOf(templateDatabase), () => {})
  return {
    url,
    stop: async () => {
      await server.stop()
      removeTestFolder(dir)
    },
  }
}

/** Ends the servers and removes the folders of test processes that were killed. */
export async function sweepTestFolders(): Promise<void> {
  // What an earlier run left may lie in the other place: there was more memory then, or less.
  const places = [tmpdir(), inMemory].filter((place) => existsSync(place))
  const entries = places.flatMap((place) => readdirSync(place).map((entry) => ({ place, entry })))
  for (const { place, entry } of entries) {
    const owner = entry.startsWith(prefix) ? Number.parseInt(entry.slice(prefix.length), 10) : 0
    if (!(owner > 1) || isAlive(owner)) continue
    const folder = realpathSync(join(place, entry))
    const dirs = readdirSync(folder).map((inner) => join(folder, inner))
    const servers = dirs.flatMap((dir) => [
      ...leftoversIn(join(dir, 'data'), 'postgres', join(dir, 'data', 'postmaster.pid')),
      ...leftoversIn(dir, 'redis-server', join(dir, 'redis.pid')),
    ])
    await endProcesses(servers, [{ signal: 'SIGKILL', waitMs: 5_000 }])
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
