import { type DatabasePool, UniqueIntegrityConstraintViolationError } from 'slonik'
import { AppError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import {
  findCredentials,
  findCredentialsOf,
  findUser,
  insertAccount,
  replacePasswordHash,
  revokeAccount,
  type User,
} from './account-repository.ts'
import type { Passwords } from './passwords.ts'
import type { Role } from './permissions.ts'
import type { Sessions, SignedIn } from './sessions.ts'

export interface Registration {
  /** In lower case. */
  readonly email: string
  readonly password: string
  readonly name: string
  readonly role: Exclude<Role, 'admin'>
  /** The language of the account's mails; null or missing: that of the shop. */
  readonly locale?: string | null
}

export interface Accounts {
  /** Opens an account and its first session; throws `email_taken`. */
  register(registration: Registration): Promise<SignedIn>
  /**
   * Starts a session; throws `unauthenticated`, the same way for a wrong email and a wrong password, and
   * `forbidden` when the account is barred.
   */
  login(credentials: { readonly email: string; readonly password: string }): Promise<SignedIn>
  /** The account of a verified token; throws `unauthenticated` when it is gone. */
  find(id: string): Promise<User>
  /**
   * Changes the password and ends every session; access tokens go on until they expire. Throws
   * `unauthenticated` when the current password is wrong.
   */
  changePassword(
    id: string,
    passwords: { readonly currentPassword: string; readonly newPassword: string },
  ): Promise<void>
}

export function createAccounts(deps: {
  readonly pool: DatabasePool
  readonly passwords: Passwords
  readonly sessions: Sessions
}): Accounts {
  const { pool, passwords, sessions } = deps
  return {
    register: async ({ email, password, name, role, locale = null }) => {
      const passwordHash = await passwords.hash(password)
      const user: User = { id: newId(), email, name, role }
      try {
        return await pool.transaction(async (tx) => {
          await insertAccount(tx, user, { passwordHash, locale })
          return sessions.start(tx, user)
        })
      } catch (error) {
        if (
          error instanceof UniqueIntegrityConstraintViolationError &&
          error.constraint === 'accounts_email_key'
        ) {
          throw new AppError('email_taken', 'An account with this email address already exists.')
        }
        throw error
      }
    },

    login: async ({ email, password }) => {
      const found = await findCredentials(pool, email)
      const matches = await passwords.matches(password, found?.passwordHash)
      if (!found || !matches) {
        throw new AppError('unauthenticated', 'The email address or the password is wrong.')
      }
      if (found.barred) throw new AppError('forbidden', 'This account is banned.')
      return sessions.start(pool, found.user)
    },

    find: async (id) => {
      const user = await findUser(pool, id)
      if (!user) throw new AppError('unauthenticated', 'This account no longer exists.')
      return user
    },

    changePassword: async (id, { currentPassword, newPassword }) => {
      const found = await findCredentialsOf(pool, id)
      const matches = await passwords.matches(currentPassword, found?.passwordHash)
      if (!found || !matches) {
        throw new AppError('unauthenticated', 'The current password is wrong.')
      }
      const to = await passwords.hash(newPassword)
      const changed = await pool.transaction(async (tx) => {
        if (!(await replacePasswordHash(tx, { id, from: found.passwordHash, to }))) return false
        await revokeAccount(tx, id)
        return true
      })
      // Somebody else changed it in between: what was checked is not the current password any more.
      if (!changed) throw new AppError('unauthenticated', 'The current password is wrong.')
    },
  }
}
