import type { DatabasePool } from 'slonik'
import { type Accounts, createAccounts } from './accounts.ts'
import { createPasswords } from './passwords.ts'
import { createSessions, type SignedIn } from './sessions.ts'
import { createTokens, type Tokens } from './tokens.ts'

/** Who somebody is: accounts, their sessions, and the tokens that prove them. */
export interface Identity extends Accounts {
  readonly tokens: Tokens
  /** Exchanges a refresh token for a new pair; throws `unauthenticated`. */
  refresh(refreshToken: string): Promise<SignedIn>
  /** Ends the session of a refresh token. An unknown token is no error. */
  logout(refreshToken: string): Promise<void>
}

export function createIdentity(deps: {
  readonly pool: DatabasePool
  readonly jwtSecret: string
}): Identity {
  const tokens = createTokens(deps.jwtSecret)
  const sessions = createSessions(deps.pool, tokens)
  const accounts = createAccounts({ pool: deps.pool, passwords: createPasswords(), sessions })
  return { ...accounts, tokens, refresh: sessions.refresh, logout: sessions.end }
}
