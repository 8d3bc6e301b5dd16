/** Brings a database to the shape that `migrations/` describes, and one step back. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunnerOption, runner } from 'node-pg-migrate'
import type pg from 'pg'
import { migrationNames, migrationsFolder, readSchema, whyUnfit, withClient } from './schema.ts'

export class MigrationRefused extends Error {
  override name = 'MigrationRefused'
}

export interface MigrateOptions {
  /** Folder of the .sql files; default: the project's own. */
  readonly folder?: string
  /** How long to wait for another migration of the same database. Milliseconds. */
  readonly waitMs?: number
}

const dayMs = 86_400_000
/** The folder's README is no migration. The library puts this between `^` and `$`. */
const otherThanSql = '(?!.*\\.sql$).*'
/** Any number will do, as long as all versions of this program use the same one. */
const lockKey = 7_582_393_001

/**
 * Applies every migration that the database has not seen, each in a transaction of its own. Safe when
 * several run at once: they take turns. Returns the names that were applied.
 * @throws MigrationRefused when a file was edited after it had been applied, or the schema is a newer release's.
 */
export async function migrate(
  databaseUrl: string,
  log: (line: string) => void,
  options: MigrateOptions = {},
): Promise<string[]> {
  const names = await inTurn(databaseUrl, options, (client, folder) =>
    run(client, folder, { direction: 'up', count: Number.POSITIVE_INFINITY }),
  )
  for (const name of names) log(`migrated: ${name}`)
  return names
}

/**
 * Takes the last migration back, in one transaction, with whatever data only it has room for. Returns its name, or
 * undefined when none is applied. Nothing else may use the database meanwhile.
 * @throws MigrationRefused as {@link migrate}, and when its file does not say how.
 */
export async function migrateDown(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<string | undefined> {
  return inTurn(databaseUrl, options, async (client, folder) => {
    const name = (await readSchema(client, folder)).applied.at(-1)
    if (name === undefined) return undefined
    const file = `${name}.sql`
    if (!/^\s*--\s*Down Migration/im.test(readFileSync(join(folder, file), 'utf8'))) {
      throw new MigrationRefused(`migration ${file} has no way back: restore a backup`)
    }
    await run(client, folder, { direction: 'down', count: 1 })
    return name
  })
}

/** Runs `use` while no other migration of the database does, on files that were not edited. */
async function inTurn<T>(
  databaseUrl: string,
  { folder = migrationsFolder, waitMs = 60_000 }: MigrateOptions,
  use: (client: pg.Client, folder: string) => Promise<T>,
): Promise<T> {
  const locked = async (client: pg.Client) => {
    // Ends with the connection, whatever happens to this process.
    await client.query(`set lock_timeout = ${Math.ceil(waitMs)}`)
    await client.query('select pg_advisory_lock($1)', [lockKey])
    await client.query('set lock_timeout = 0')
    const schema = await readSchema(client, folder)
    if (schema.unknown.length > 0) throw new MigrationRefused(whyUnfit(schema))
    await noteChecksums(client, folder, schema.applied)
    return use(client, folder)
  }
  // A large table takes its time.
  return withClient(databaseUrl, locked, dayMs)
}

async function run(
  dbClient: pg.Client,
  dir: string,
  what: Pick<RunnerOption, 'direction' | 'count'>,
): Promise<string[]> {
  const common = {
    ignorePattern: otherThanSql,
    migrationsTable: 'migrations',
    noLock: true,
    logger: quiet,
  } as const
  return (await runner({ dbClient, dir, ...common, ...what })).map(({ name }) => name)
}

/** Compares the files that are applied with what they were then, and notes those that are to come. */
async function noteChecksums(
  client: pg.Client,
  folder: string,
  applied: readonly string[],
): Promise<void> {
  await client.query(
    'create table if not exists migration_checksums (name text primary key, sha256 text not null)',
  )
  const { rows } = await client.query<{ name: string; sha256: string }>(
    'select name, sha256 from migration_checksums',
  )
  const noted = new Map(rows.map((row) => [row.name, row.sha256]))
  for (const name of migrationNames(folder)) {
    const file = `${name}.sql`
    const sha256 = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex')
    const before = noted.get(name)
    if (before === sha256) continue
    if (before !== undefined && applied.includes(name)) {
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

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
