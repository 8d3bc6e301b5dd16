import pg from 'pg'
import {
  createPool,
  createSqlTag,
  createTypeParserPreset,
  type DatabasePool,
  type Interceptor,
  type QueryResultRow,
  SchemaValidationError,
} from 'slonik'
import { z } from 'zod'

/** The one sql tag. `sql.type(schema)` types the rows and, with the interceptor below, checks them. */
export const sql = createSqlTag({
  typeAliases: {
    none: z.object({}).strict(),
    id: z.object({ id: z.string() }),
    count: z.object({ count: z.number() }),
  },
})

/**
 * A condition that is always true, and lets the transaction commit without waiting for the disk. For what
 * is done again when the last moments before a crash of the server are lost; never for what somebody was
 * told.
 */
export const unflushed = sql.fragment`(select set_config('synchronous_commit', 'off', true)) is not null`

export interface PoolOptions {
  /** Connections at most. */
  readonly max: number
  /**
   * A statement that runs longer is cancelled by the server; without a word from it, given up 2 s later, and a
   * transaction as long again, for its rollback is waited for too. Milliseconds.
   */
  readonly statementTimeoutMs: number
  /** Statements that may wait for a connection; more are refused at once, as an outage. Default 500. */
  readonly waitingMax?: number
  readonly onError: (error: Error) => void
  /** Hears the text of every statement that was executed, in a transaction before it ends. Must not throw. */
  readonly onExecuted?: (statement: string) => void
}

/** More statements wait for a connection than will get one in time. */
export class PoolCrowded extends Error {
  override name = 'PoolCrowded'
}

/**
 * A slonik pool with every default that matters spelled out: no DISCARD ALL after each query (an extra
 * round trip that also drops prepared statements; nothing here leaves session state behind), whole
 * numbers as numbers, timestamps as Date, numeric as text, and connections kept between bursts.
 */
export async function openPool(url: string, options: PoolOptions): Promise<DatabasePool> {
  giveUpAfter(options.statementTimeoutMs + 2_000)
  const waiting = () => pool.state().waitingClients
  const pool: DatabasePool = await createPool(url, {
    maxPoolSize: options.max,
    statementTimeout: options.statementTimeoutMs,
    idleInTransactionSessionTimeout: 5_000,
    connectionTimeout: 3_000,
    idleTimeout: 60_000,
    connectionRetryLimit: 2,
    queryRetryLimit: 2,
    transactionRetryLimit: 3,
    resetConnection: async () => {},
    interceptors: [
      refuseCrowd(waiting, options.waitingMax ?? 500),
      checkRows,
      ...(options.onExecuted ? [tellOf(options.onExecuted)] : []),
    ],
    typeParsers: [
      ...createTypeParserPreset().filter(
        (parser) => !['int8', 'numeric', 'timestamp', 'timestamptz'].includes(parser.name),
      ),
      { name: 'int8', parse: Number },
      { name: 'numeric', parse: (value: string) => value },
      { name: 'timestamptz', parse: (value: string) => new Date(value) },
    ],
  })
  pool.on('error', options.onError)
  return pool
}

function refuseCrowd(waiting: () => number, max: number): Interceptor {
  return {
    name: 'refuse-crowd',
    beforePoolConnection: () => {
      if (waiting() >= max) throw new PoolCrowded(`${max} statements wait for PostgreSQL`)
      return null
    },
  }
}

function tellOf(onExecuted: (statement: string) => void): Interceptor {
  return {
    name: 'tell-of-statements',
    afterQueryExecution: (_context, query) => {
      onExecuted(query.sql)
      return null
    },
  }
}

/**
 * Sets how long a client waits for any answer: a server whose machine has died says nothing, and TCP would wait for a
 * quarter of an hour. slonik hands no such setting on, so it is the driver's default, the longest that a pool of
 * this process wants.
 */
function giveUpAfter(ms: number): void {
  pg.defaults.query_timeout = Math.max(ms, Number(pg.defaults.query_timeout) || 0)
}

const checkRows: Interceptor = {
  name: 'check-rows',
  transformRow: (context, query, row) => {
    const parser = context.resultParser as z.ZodType<QueryResultRow> | undefined
    if (!parser) return row
    const parsed = parser.safeParse(row)
    if (!parsed.success) {
      throw new SchemaValidationError(query, row, parsed.error.issues)
    }
    return parsed.data
  },
}
