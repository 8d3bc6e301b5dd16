/**
 * One raw connection that sends a whole transaction in one round trip. slonik queues its queries, so a
 * batch of eight statements would cost eight; here BEGIN, the statements and COMMIT leave in one write.
 */
import pg from 'pg'
import type { Clock } from '../../kernel/clock.ts'

export interface Statement {
  /** Prepared under this name, once per connection. */
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

export type Row = Record<string, unknown>

/** PostgreSQL's answer to a batch that read rows which have moved since. See `expect_rows`. */
export const fencedCode = 'SL001'

/** How the codes begin of errors by which PostgreSQL ends a connection: terminated, shut down, crashed. */
const endedClass = '57P'

export class ConnectionLost extends Error {
  override name = 'ConnectionLost'
}

/** The SQLSTATE of a database error, or undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** The constraint a database error names, or undefined. */
export function violated(error: unknown): string | undefined {
  const { constraint } = error as { constraint?: unknown }
  return typeof constraint === 'string' ? constraint : undefined
}

/**
 * Statements here name their rows by key and are prepared; one plan serves them all. It must not be one that reads
 * tables whole: made while they were small, it would stay when a sale has filled them.
 */
const sessionSettings = [
  'idle_in_transaction_session_timeout=2000',
  'tcp_keepalives_idle=2',
  'tcp_keepalives_interval=1',
  'tcp_keepalives_count=3',
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
]

export class PipelinedConnection {
  readonly #client: pg.Client
  readonly #clock: Clock
  readonly #onLost: (error: Error) => void
  #lost: Error | undefined

  private constructor(client: pg.Client, clock: Clock, onLost: (error: Error) => void) {
    this.#client = client
    this.#clock = clock
    this.#onLost = onLost
  }

  /**
   * Connects. A transaction that stays idle for 2 s is ended by the server, and so is a connection whose
   * machine has gone (keep-alives): a silent owner must not keep its locks.
   */
  static async open(
    url: string,
    options: {
      readonly name: string
      readonly onLost: (error: Error) => void
      readonly clock: Clock
    },
  ): Promise<PipelinedConnection> {
    const client = new pg.Client({
      connectionString: url,
      application_name: options.name,
      connectionTimeoutMillis: 3_000,
      statement_timeout: 20_000,
      // A server that hangs instead of dying: the connection is given up, and with it the locks.
      query_timeout: 30_000,
      keepAlive: true,
      // An idle connection is probed too: whoever waits for it next must not be the first to learn that it is dead.
      keepAliveInitialDelayMillis: 2_000,
      pipeline: true,
      options: sessionSettings.map((setting) => `-c ${setting}`).join(' '),
    })
    const connection = new PipelinedConnection(client, options.clock, options.onLost)
    client.on('error', (error) => connection.#lose(error))
    client.on('end', () =>
      connection.#lose(new ConnectionLost('the connection to PostgreSQL ended')),
    )
    await client.connect()
    return connection
  }

  get lost(): boolean {
    return this.#lost !== undefined
  }

  /** One statement. Rejects with the server's error, or {@link ConnectionLost}. */
  async query(statement: Statement): Promise<Row[]> {
    this.#check()
    try {
      const result = await this.#client.query(queryOf(statement))
      return result.rows
    } catch (error) {
      // The server hangs up after this error: whoever hears it must not take the connection for alive.
      if (sqlState(error)?.startsWith(endedClass)) this.#lose(error as Error)
      throw error
    }
  }

  /**
   * All statements in one transaction and one round trip. Resolves, after COMMIT, with the rows of each;
   * rejects with the first error when nothing was committed. An error without an SQLSTATE means that the
   * outcome is unknown: forget what you believed and read it again. One statement alone is a transaction
   * without BEGIN and COMMIT, which each cost PostgreSQL as much as some orders.
   */
  async transaction(statements: readonly Statement[]): Promise<Row[][]> {
    this.#check()
    const [first, ...others] = statements
    if (first && others.length === 0) return [await this.query(first)]
    const sent = [
      this.#client.query('BEGIN'),
      ...statements.map((statement) => this.#client.query(queryOf(statement))),
      this.#client.query('COMMIT'),
    ]
    const outcomes = await Promise.allSettled(sent)
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    const results = outcomes.map(
      (outcome) => (outcome as PromiseFulfilledResult<pg.QueryResult>).value,
    )
    if (results.at(-1)?.command !== 'COMMIT')
      throw new ConnectionLost('COMMIT answered with a rollback')
    return results.slice(1, -1).map((result) => result.rows)
  }

  /** Resolves within a second. Never rejects. */
  async close(): Promise<void> {
    this.#lost ??= new ConnectionLost('closed')
    await Promise.race([
      this.#client.end().catch(() => {}),
      new Promise<void>((resolve) => this.#clock.after(1_000, resolve)),
    ])
  }

  #lose(error: Error): void {
    if (this.#lost) return
    this.#lost = error
    this.#onLost(error)
  }

  #check(): void {
    if (this.#lost) throw new ConnectionLost(`the connection was lost: ${this.#lost.message}`)
  }
}

function queryOf(statement: Statement): pg.QueryConfig {
  return { name: statement.name, text: statement.text, values: statement.values as unknown[] }
}
