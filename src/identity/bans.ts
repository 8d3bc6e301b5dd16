import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { User } from './account-repository.ts'
import type { EndedSessions } from './ended-sessions.ts'
import { roles } from './permissions.ts'

export interface Barred extends User {
  readonly barredAt: Date
  readonly reason: string
}

/** How accounts end: by an administrator, or by their owner. */
export interface Bans {
  /**
   * Ends the account's sessions and refuses new ones; repeated, it only changes the reason. `record` runs
   * in the same transaction. Throws `not_found`, and `invalid_transition` for an administrator's account.
   */
  bar(
    id: string,
    reason: string,
    record?: (tx: DatabaseTransactionConnection) => Promise<unknown>,
  ): Promise<Barred>
  /** Lets an account log in again. Throws `not_found` when there is no barred account of this id. */
  unbar(id: string, record?: (tx: DatabaseTransactionConnection) => Promise<unknown>): Promise<void>
  /**
   * Erases what is personal and ends all sessions. The id stays, for orders. Any number of times; `record`
   * runs in the same transaction.
   */
  erase(id: string, record?: (tx: DatabaseTransactionConnection) => Promise<unknown>): Promise<void>
}

const barredRow = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  role: z.enum(roles),
  barredAt: z.date(),
  reason: z.string(),
})

export function createBans(deps: {
  readonly pool: DatabasePool
  readonly ended: EndedSessions
}): Bans {
  const { pool, ended } = deps
  return {
    bar: async (id, reason, record) => {
      const barred = await pool.transaction(async (tx) => {
        const row = await tx.maybeOne(sql.type(barredRow)`
          update accounts set barred_at = coalesce(barred_at, now()), barred_reason = ${reason},
            sessions_ended_at = now()
          where id = ${id} and erased_at is null
          returning id, email, name, role, barred_at as "barredAt", barred_reason as reason
        `)
        if (!row) throw noAccount()
        if (row.role === 'admin') {
          throw new AppError('invalid_transition', 'An administrator cannot be banned.')
        }
        await tx.query(sql.typeAlias('none')`delete from refresh_tokens where account_id = ${id}`)
        await record?.(tx)
        return row
      })
      await ended.look()
      return barred
    },

    unbar: async (id, record) => {
      await pool.transaction(async (tx) => {
        const freed = await tx.query(sql.typeAlias('none')`
          update accounts set barred_at = null, barred_reason = null, sessions_ended_at = null
          where id = ${id} and barred_at is not null and erased_at is null
        `)
        if (freed.rowCount === 0) throw noAccount()
        await record?.(tx)
      })
      await ended.look()
    },

    erase: async (id, record) => {
      await pool.transaction(async (tx) => {
        await tx.query(sql.typeAlias('none')`
          update accounts set email = ${`${id}@erased.invalid`}, name = 'Erased account', locale = null,
            password_hash = '', erased_at = now(), sessions_ended_at = now(),
            barred_at = null, barred_reason = null
          where id = ${id} and erased_at is null
        `)
        await tx.query(sql.typeAlias('none')`delete from refresh_tokens where account_id = ${id}`)
        await record?.(tx)
      })
      await ended.look()
    },
  }
}

function noAccount(): AppError {
  return new AppError('not_found', 'There is no such account.')
}
