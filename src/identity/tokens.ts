import { createSigner } from 'fast-jwt'
import { isUuid, newId } from '../kernel/ids.ts'
import { isRole, type Principal } from './permissions.ts'

/** What every access token must say. Signing and checking both read this table. */
const terms = {
  algorithm: 'HS256',
  issuer: 'sluice',
  audience: 'sluice-api',
  lifetimeSeconds: 900,
  claims: ['sub', 'role', 'iss', 'aud', 'iat', 'exp', 'jti'],
  /** One of ours has about 320 characters; longer ones are not looked at. */
  lengthMax: 1_024,
} as const

/** Seconds for which an access token is valid. */
export const accessTokenSeconds = terms.lifetimeSeconds

/** Characters of the longest token that is looked at. */
export const accessTokenLengthMax = terms.lengthMax

/**
 * How a server checks access tokens: HS256 and nothing else, so a token cannot choose how it is checked.
 * Every check is by signature, about 7 µs: in a flash sale most tokens are seen once or twice, and a
 * memory of them costs more than it saves.
 */
export const accessTokenChecks = {
  algorithms: [terms.algorithm],
  allowedIss: terms.issuer,
  allowedAud: terms.audience,
  requiredClaims: [...terms.claims],
  cache: false,
}

export interface Tokens {
  /** Signs a token that is valid for {@link accessTokenSeconds}. */
  issueAccessToken(account: Principal): string
}

/** Signs under one secret. The role is part of a token; a change of role counts from the next refresh on. */
export function createTokens(secret: string): Tokens {
  const sign = createSigner({
    key: secret,
    algorithm: terms.algorithm,
    iss: terms.issuer,
    aud: terms.audience,
    expiresIn: terms.lifetimeSeconds * 1000,
  })
  return {
    issueAccessToken: (account) => sign({ sub: account.id, role: account.role, jti: newId() }),
  }
}

/** The account that the claims of a checked token name; undefined when they are not as ours are. */
export function principalOfClaims(claims: unknown): Principal | undefined {
  const { sub, role } = claims as { readonly sub?: unknown; readonly role?: unknown }
  if (typeof sub !== 'string' || !isUuid(sub) || !isRole(role)) return undefined
  return { id: sub, role }
}
