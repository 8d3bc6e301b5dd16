import type { CommonQueryMethods, FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { type Role, roles } from './permissions.ts'

/** An account as others may see it. */
export interface User {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly role: Role
}

const userRow = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  role: z.enum(roles),
})

const credentialsRow = userRow.extend({ password_hash: z.string(), barred: z.boolean() })

const sessionRow = userRow.extend({ family: z.string() })

/** Inserts an account; the unique constraint on the email decides between two at once. */
export async function insertAccount(
  db: CommonQueryMethods,
  user: User,
  { passwordHash, locale }: { readonly passwordHash: string; readonly locale: string | null },
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash, locale)
    values (${user.id}, ${user.email}, ${user.name}, ${user.role}, ${passwordHash}, ${locale})
  `)
}

export interface Credentials {
  readonly user: User
  readonly passwordHash: string
  readonly barred: boolean
}

/** The account with this email, in lower case, and the hash of its password. */
export function findCredentials(
  db: CommonQueryMethods,
  email: string,
): Promise<Credentials | undefined> {
  return credentialsWhere(db, sql.fragment`email = ${email}`)
}

/** As {@link findCredentials}, by the account's id. */
export function findCredentialsOf(
  db: CommonQueryMethods,
  id: string,
): Promise<Credentials | undefined> {
  return credentialsWhere(db, sql.fragment`id = ${id}`)
}

async function credentialsWhere(
  db: CommonQueryMethods,
  condition: FragmentSqlToken,
): Promise<Credentials | undefined> {
  const row = await db.maybeOne(sql.type(credentialsRow)`
    select id, email, name, role, password_hash, barred_at is not null as barred
    from accounts where ${condition} and erased_at is null
  `)
  if (!row) return undefined
  const { password_hash: passwordHash, barred, ...user } = row
  return { user, passwordHash, barred }
}

/** Changes the hash from the one that was checked; false when it is another one by now. */
export async function replacePasswordHash(
  db: CommonQueryMethods,
  change: { readonly id: string; readonly from: string; readonly to: string },
): Promise<boolean> {
  const changed = await db.query(sql.typeAlias('none')`
    update accounts set password_hash = ${change.to}
    where id = ${change.id} and password_hash = ${change.from} and erased_at is null
  `)
  return changed.rowCount === 1
}

/** The account, unless it does not exist or was erased. */
export async function findUser(db: CommonQueryMethods, id: string): Promise<User | undefined> {
  const row = await db.maybeOne(sql.type(userRow)`
    select id, email, name, role from accounts where id = ${id} and erased_at is null
  `)
  return row ?? undefined
}

/** Stores the hash of a refresh token for `days` from now, by PostgreSQL's clock. */
export async function insertRefreshToken(
  db: CommonQueryMethods,
  token: {
    readonly hash: Buffer
    readonly family: string
    readonly accountId: string
    readonly days: number
  },
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    insert into refresh_tokens (token_hash, family, account_id, expires_at)
    values (${sql.binary(token.hash)}, ${token.family}, ${token.accountId},
      now() + make_interval(days => ${token.days}))
  `)
}

/**
 * The session a refresh token belongs to, with its account locked until the transaction ends: two uses
 * of one session's tokens never run side by side.
 */
export async function lockSession(
  db: CommonQueryMethods,
  hash: Buffer,
): Promise<{ user: User; family: string } | undefined> {
  const row = await db.maybeOne(sql.type(sessionRow)`
    select a.id, a.email, a.name, a.role, t.family
    from refresh_tokens t join accounts a on a.id = t.account_id
    where t.token_hash = ${sql.binary(hash)}
    for no key update of a
  `)
  if (!row) return undefined
  const { family, ...user } = row
  return { user, family }
}

/** Marks a token as used; false when it was used, revoked or has expired. */
export async function useRefreshToken(db: CommonQueryMethods, hash: Buffer): Promise<boolean> {
  const used = await db.query(sql.typeAlias('none')`
    update refresh_tokens set used_at = now()
    where token_hash = ${sql.binary(hash)}
      and used_at is null and revoked_at is null and expires_at > now()
  `)
  return used.rowCount === 1
}

/** Ends a session: none of its tokens works from now on. */
export async function revokeFamily(db: CommonQueryMethods, family: string): Promise<void> {
  await db.query(sql.typeAlias('none')`
    update refresh_tokens set revoked_at = now() where family = ${family} and revoked_at is null
  `)
}

/** Ends every session of an account. */
export async function revokeAccount(db: CommonQueryMethods, accountId: string): Promise<void> {
  await db.query(sql.typeAlias('none')`
    update refresh_tokens set revoked_at = now()
    where account_id = ${accountId} and revoked_at is null
  `)
}

/** Forgets an account's expired tokens, so that a session of years does not leave a row per refresh. */
export async function deleteExpiredTokens(
  db: CommonQueryMethods,
  accountId: string,
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    delete from refresh_tokens where account_id = ${accountId} and expires_at < now()
  `)
}
