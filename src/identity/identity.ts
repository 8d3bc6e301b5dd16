import type { DatabasePool } from 'slonik'
import { type Accounts, createAccounts } from './accounts.ts'
import { type Bans, createBans } from './bans.ts'
import { EndedSessions } from './ended-sessions.ts'
import { createMailPreferring, type MailPreferring } from './mail-preferences.ts'
import { Passwords } from './passwords.ts'
import { createSessions, type SignedIn } from './sessions.ts'
import { createTokens, type Tokens } from './tokens.ts'

/** Who somebody is: accounts, their sessions, and the tokens that prove them. */
export interface Identity extends Accounts, Bans, MailPreferring {
  readonly tokens: Tokens
  /** Whose access tokens do not count any more, although they have not expired. */
  readonly ended: EndedSessions
  /** Exchanges a refresh token for a new pair; throws `unauthenticated`. */
  refresh(refreshToken: string): Promise<SignedIn>
  /** Ends the session of a refresh token. An unknown token is no error. */
  logout(refreshToken: string): Promise<void>
}

export function createIdentity(deps: {
  readonly pool: DatabasePool
  readonly jwtSecret: string
}): Identity {
  const { pool } = deps
  const tokens = createTokens(deps.jwtSecret)
  const sessions = createSessions(pool, tokens)
  const ended = new EndedSessions(pool)
  return {
    ...createAccounts({ pool, passwords: new Passwords(), sessions }),
    ...createBans({ pool, ended }),
    ...createMailPreferring(pool),
    tokens,
    ended,
    refresh: sessions.refresh,
    logout: sessions.end,
  }
}
