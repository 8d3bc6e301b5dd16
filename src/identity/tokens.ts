import { createSigner, createVerifier } from 'fast-jwt'
import type { Clock } from '../kernel/clock.ts'
import { systemClock } from '../kernel/clock.ts'
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
  /** Verified tokens that are remembered, at most: 20 MB, a few megabytes with our own tokens. */
  remembered: 20_000,
} as const

/** Seconds for which an access token is valid. */
export const accessTokenSeconds = terms.lifetimeSeconds

export interface Tokens {
  /** Signs a token that is valid for {@link accessTokenSeconds}. */
  issueAccessToken(account: Principal): string
  /** The account a token names, or undefined when the token is not one of ours or has expired. */
  verifyAccessToken(token: string): Principal | undefined
}

interface Verified {
  readonly principal: Principal
  readonly expiresAtMs: number
}

interface Claims {
  readonly sub: unknown
  readonly role: unknown
  readonly exp: number
}

/**
 * Access tokens under one secret: HS256 and nothing else, so a token cannot choose how it is checked.
 * The role is part of the token; a change of role counts from the next refresh on.
 *
 * Tokens that were verified are remembered until they expire or newer ones push them out: a
 * check by signature costs about 7 µs, by memory 0.3 µs. (The verifier's own cache hashes each token
 * first, which is most of the price again.)
 */
export function createTokens(secret: string, clock: Clock = systemClock): Tokens {
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
  // Two halves that are forgotten in turn: evicting entry by entry makes a Map scan its own gaps.
  let young = new Map<string, Verified>()
  let old = new Map<string, Verified>()

  const remember = (token: string, verified: Verified) => {
    if (young.size >= terms.remembered / 2) {
      old = young
      young = new Map()
    }
    young.set(token, verified)
  }

  const check = (token: string): Verified | undefined => {
    if (token.length > terms.lengthMax) return undefined
    try {
      const claims = verify(token) as Claims
      if (typeof claims.sub !== 'string' || !isUuid(claims.sub) || !isRole(claims.role))
        return undefined
      return { principal: { id: claims.sub, role: claims.role }, expiresAtMs: claims.exp * 1000 }
    } catch {
      // Whatever is wrong with it, the answer is the same, and says nothing about which check failed.
      return undefined
    }
  }

  return {
    issueAccessToken: (account) => sign({ sub: account.id, role: account.role, jti: newId() }),
    verifyAccessToken: (token) => {
      const seen = young.get(token) ?? old.get(token)
      if (seen) return clock.now() < seen.expiresAtMs ? seen.principal : undefined
      const verified = check(token)
      if (verified) remember(token, verified)
      return verified?.principal
    },
  }
}
