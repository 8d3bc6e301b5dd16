import { createSigner, createVerifier } from 'fast-jwt'
import { isUuid, newId } from '../kernel/ids.ts'
import { isRole, type Principal } from './permissions.ts'

/** What every access token must say; signing and verifying read the same table. */
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

export interface Tokens {
  /** Signs a token that is valid for {@link accessTokenSeconds}. */
  issueAccessToken(account: Principal): string
  /** The account a token names, or undefined when the token is not one of ours or has expired. */
  verifyAccessToken(token: string): Principal | undefined
}

interface Claims {
  readonly sub: unknown
  readonly role: unknown
}

/**
 * Access tokens under one secret: HS256 and nothing else, so a token cannot choose how it is checked.
 * The role is part of the token; a change of role counts from the next refresh on.
 * Every check is by signature, about 7 µs: in a flash sale most tokens are seen once or twice, and a
 * memory of them cost more than it saved.
 */
export function createTokens(secret: string): Tokens {
  const sign = createSigner({
    key: secret,
    algorithm: terms.algorithm,
    iss: terms.issuer,
    aud: terms.audience,
    expiresIn: terms.lifetimeSeconds * 1000,
  })
  const verify = createVerifier({
    key: secret,
    algorithms: [terms.algorithm],
    allowedIss: terms.issuer,
    allowedAud: terms.audience,
    requiredClaims: [...terms.claims],
  })
  return {
    issueAccessToken: (account) => sign({ sub: account.id, role: account.role, jti: newId() }),
    verifyAccessToken: (token) => {
      if (token.length > terms.lengthMax) return undefined
      try {
        const { sub, role } = verify(token) as Claims
        if (typeof sub !== 'string' || !isUuid(sub) || !isRole(role)) return undefined
        return { id: sub, role }
      } catch {
        // Whatever is wrong with it, the answer is the same, and says nothing about which check failed.
        return undefined
      }
    },
  }
}
