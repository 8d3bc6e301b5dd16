import { createHash, randomBytes } from 'node:crypto'
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { AppError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import {
  deleteExpiredTokens,
  insertRefreshToken,
  lockSession,
  revokeFamily,
  type User,
  useRefreshToken,
} from './account-repository.ts'
import { accessTokenSeconds, type Tokens } from './tokens.ts'

const refreshTokenDays = 30

/** What register, login and refresh answer. */
export interface SignedIn {
  readonly user: User
  readonly accessToken: string
  readonly refreshToken: string
  /** Seconds until the access token expires. */
  readonly expiresIn: number
}

export interface Sessions {
  /** Starts a session of its own for `user`, within the caller's transaction or on a pool. */
  start(db: CommonQueryMethods, user: User): Promise<SignedIn>
  /** Exchanges a refresh token; throws `unauthenticated`. One that was used before ends its session. */
  refresh(refreshToken: string): Promise<SignedIn>
  /** Ends the session of a refresh token. An unknown token is no error. */
  end(refreshToken: string): Promise<void>
}

/**
 * Sessions live in their refresh tokens: 32 random bytes, of which only the hash is stored, each good for
 * one use. A token that comes twice was copied by somebody; who of the two is the owner cannot be told,
 * so the session ends for both.
 */
export function createSessions(pool: DatabasePool, tokens: Tokens): Sessions {
  const handOut = async (db: CommonQueryMethods, user: User, family: string): Promise<SignedIn> => {
    const refreshToken = randomBytes(32).toString('base64url')
    await deleteExpiredTokens(db, user.id)
    await insertRefreshToken(db, {
      hash: hashOf(refreshToken),
      family,
      accountId: user.id,
      days: refreshTokenDays,
    })
    const accessToken = tokens.issueAccessToken(user)
    return { user, accessToken, refreshToken, expiresIn: accessTokenSeconds }
  }

  return {
    start: (db, user) => handOut(db, user, newId()),

    refresh: async (refreshToken) => {
      const hash = hashOf(refreshToken)
      // The revocation has to be committed, so a refusal is a value in here and an error only outside.
      const signedIn = await pool.transaction(async (tx) => {
        const session = await lockSession(tx, hash)
        if (!session) return undefined
        if (await useRefreshToken(tx, hash)) return handOut(tx, session.user, session.family)
        await revokeFamily(tx, session.family)
        return undefined
      })
      if (!signedIn) {
        throw new AppError('unauthenticated', 'The refresh token is not valid. Log in again.')
      }
      return signedIn
    },

    end: async (refreshToken) => {
      await pool.transaction(async (tx) => {
        const session = await lockSession(tx, hashOf(refreshToken))
        if (session) await revokeFamily(tx, session.family)
      })
    },
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
