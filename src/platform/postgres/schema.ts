/**
 * Which migrations a database has, against those that this release brings. A release runs on its own schema and on
 * no other: a migration is a stop for what runs, so nobody has to guess which old code can live with which new table.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Clock } from '../../kernel/clock.ts'

/** The project's own migrations. */
export const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** The schema is another release's, or cannot be asked for. The message is one line that says what to do. */
export class SchemaRefused extends Error {
  override name = 'SchemaRefused'
}

export interface SchemaStatus {
  /** Names of migrations, the oldest first. */
  readonly applied: readonly string[]
  /** What this release brings and the database does not have. */
  readonly pending: readonly string[]
  /** What the database has and this release does not know: it is of a newer one. */
  readonly unknown: readonly string[]
}

/** Reads where the database stands. Changes nothing. */
export async function readSchema(
  client: pg.ClientBase,
  folder: string = migrationsFolder,
): Promise<SchemaStatus> {
  const known = migrationNames(folder)
  const applied = await appliedMigrations(client)
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  }
}

/** Why this release must not run on the schema, in one line; undefined when it fits. */
export function whyUnfit({ applied, pending, unknown }: SchemaStatus): string | undefined {
  const known = [...applied.filter((name) => !unknown.includes(name)), ...pending].toSorted()
  const newest = known.at(-1) ?? 'no migration'
  const at = applied.at(-1) ?? 'no migration'
  if (unknown.length > 0) {
    return `the database is at ${at}, and this release knows no further than ${newest}: deploy a newer release`
  }
  if (pending.length === 0) return undefined
  return `the database is at ${at}, and this release needs ${newest}: run npm run migrate`
}

export interface RequireOptions {
  readonly clock: Clock
  /** For how long a PostgreSQL that does not answer is asked again. Milliseconds. */
  readonly patienceMs: number
  /** Ends the waiting. */
  readonly signal?: AbortSignal
  /** Folder of the .sql files; default: the project's own. */
  readonly folder?: string
}

const retryMs = 250

/** Resolves when the schema is this release's. @throws SchemaRefused when it is not, or cannot be asked for in time. */
export async function requireSchema(
  databaseUrl: string,
  { clock, patienceMs, signal, folder }: RequireOptions,
): Promise<void> {
  const deadline = clock.monotonic() + patienceMs
  for (;;) {
    try {
      const unfit = whyUnfit(await withClient(databaseUrl, (client) => readSchema(client, folder)))
      if (unfit === undefined) return
      throw new SchemaRefused(unfit)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof SchemaRefused) throw error
      if (clock.monotonic() >= deadline) {
        throw new SchemaRefused(`PostgreSQL cannot be asked for its schema: ${firstLine(error)}`)
      }
    }
    await clock.sleep(retryMs, signal)
  }
}

/** Lends a connection for as long as `use` takes. */
export async function withClient<T>(
  databaseUrl: string,
  use: (client: pg.Client) => Promise<T>,
  queryTimeoutMs = 10_000,
): Promise<T> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 10_000,
    query_timeout: queryTimeoutMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Names of the files in the folder, the oldest first. */
export function migrationNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort()
}

async function appliedMigrations(client: pg.ClientBase): Promise<string[]> {
  const { rows: tables } = await client.query(`select to_regclass('migrations') as name`)
  if (tables[0]?.name === null) return []
  const { rows } = await client.query<{ name: string }>('select name from migrations order by id')
  return rows.map(({ name }) => name)
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  // Several addresses were tried: the message of all of them together is empty.
  return line || (error instanceof AggregateError ? firstLine(error.errors[0]) : 'no answer')
}
