/** Brings a database to the shape that `migrations/` describes. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import pg from 'pg'

export class MigrationRefused extends Error {
  override name = 'MigrationRefused'
}

export interface MigrateOptions {
  /** Folder of the .sql files; default: the project's own. */
  readonly folder?: string
  /** How long to wait for another migration of the same database. Milliseconds. */
  readonly waitMs?: number
}

const ownFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))
const dayMs = 86_400_000
/** The folder's README is no migration. The library puts this between `^` and `$`. */
const otherThanSql = '(?!.*\\.sql$).*'
/** Any number will do, as long as all versions of this program use the same one. */
const lockKey = 7_582_393_001

/**
 * Applies every migration that the database has not seen, each in a transaction of its own. Safe when
 * several run at once: they take turns. Returns the names that were applied.
 * @throws MigrationRefused when a file was edited after it had been applied.
 */
export async function migrate(
  databaseUrl: string,
  log: (line: string) => void,
  { folder = ownFolder, waitMs = 60_000 }: MigrateOptions = {},
): Promise<string[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 10_000,
    // A large table takes its time.
    query_timeout: dayMs,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    // Ends with the connection, whatever happens to this process.
    await client.query(`set lock_timeout = ${Math.ceil(waitMs)}`)
    await client.query('select pg_advisory_lock($1)', [lockKey])
    await client.query('set lock_timeout = 0')
    await noteChecksums(client, folder)
    const applied = await runner({
      dbClient: client,
      dir: folder,
      ignorePattern: otherThanSql,
      direction: 'up',
      count: Number.POSITIVE_INFINITY,
      migrationsTable: 'migrations',
      noLock: true,
      logger: quiet,
    })
    for (const { name } of applied) log(`migrated: ${name}`)
    return applied.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/** Compares the files that are applied with what they were then, and notes those that are to come. */
async function noteChecksums(client: pg.Client, folder: string): Promise<void> {
  await client.query(
    'create table if not exists migration_checksums (name text primary key, sha256 text not null)',
  )
  const applied = await appliedNames(client)
  const { rows } = await client.query<{ name: string; sha256: string }>(
    'select name, sha256 from migration_checksums',
  )
  const noted = new Map(rows.map((row) => [row.name, row.sha256]))
  for (const file of readdirSync(folder)
    .filter((entry) => entry.endsWith('.sql'))
    .sort()) {
    const name = file.slice(0, -'.sql'.length)
    const sha256 = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex')
    const before = noted.get(name)
    if (before === sha256) continue
    if (before !== undefined && applied.has(name)) {
      throw new MigrationRefused(
        `migration ${file} was edited after it had been applied: restore it, and write a new one`,
      )
    }
    await client.query(
      `insert into migration_checksums (name, sha256) values ($1, $2)
       on conflict (name) do update set sha256 = excluded.sha256`,
      [name, sha256],
    )
  }
}

async function appliedNames(client: pg.Client): Promise<Set<string>> {
  const { rows: tables } = await client.query(`select to_regclass('migrations') as name`)
  if (tables[0]?.name === null) return new Set()
  const { rows } = await client.query<{ name: string }>('select name from migrations')
  return new Set(rows.map((row) => row.name))
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
