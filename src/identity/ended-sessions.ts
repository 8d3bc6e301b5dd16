import type { DatabasePool } from 'slonik'
import type { Clock } from '../kernel/clock.ts'
import { sql } from '../platform/postgres/pool.ts'
import { accessTokenSeconds } from './tokens.ts'

const limits = { lookEveryMs: 1_000, accounts: 100_000 } as const

/**
 * The accounts that were barred or erased while access tokens of theirs may still be valid. A handful at
 * any time, so each process keeps them all and looks for new ones every second.
 */
export class EndedSessions {
  readonly #pool: DatabasePool
  #ids: ReadonlySet<string> = new Set()

  constructor(pool: DatabasePool) {
    this.#pool = pool
  }

  has(accountId: string): boolean {
    return this.#ids.has(accountId)
  }

  /** Reads them anew. */
  async look(): Promise<void> {
    const rows = await this.#pool.any(sql.typeAlias('id')`
      select id from accounts
      where sessions_ended_at > now() - make_interval(secs => ${accessTokenSeconds + 60})
      order by sessions_ended_at desc limit ${limits.accounts}
    `)
    this.#ids = new Set(rows.map(({ id }) => id))
  }

  /** Looks every second until it is told to stop. While PostgreSQL is away the last answer counts. */
  watch(clock: Clock): () => Promise<void> {
    const stopping = new AbortController()
    const loop = async () => {
      while (!stopping.signal.aborted) {
        await this.look().catch(() => {})
        await clock.sleep(limits.lookEveryMs, stopping.signal)
      }
    }
    const looping = loop()
    return () => {
      stopping.abort()
      return looping
    }
  }
}
