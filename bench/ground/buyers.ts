/** Distinct buyers with real access tokens. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { createTokens } from '../../src/identity/tokens.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'

/** More than that many accounts are not made; beyond it buyers come again, with new keys. */
export const buyersMax = 50_000

/** Tokens live 15 minutes; a set that is older than this is signed anew before the next load. */
const freshMs = 4 * 60_000

export interface Buyers {
  /** One token per buyer, valid for at least ten minutes. */
  tokens(): readonly string[]
  readonly ids: readonly string[]
}

/** Signs tokens for `ids` whenever the last ones get old. */
export function signedBuyers(ids: readonly string[], jwtSecret: string): Buyers {
  const { issueAccessToken } = createTokens(jwtSecret)
  let signed: readonly string[] = []
  let signedAt = Number.NEGATIVE_INFINITY
  return {
    ids,
    tokens: () => {
      if (systemClock.monotonic() - signedAt > freshMs) {
        signed = ids.map((id) => issueAccessToken({ id, role: 'buyer' }))
        signedAt = systemClock.monotonic()
      }
      return signed
    },
  }
}

const chunk = 10_000

/** Inserts accounts that nobody can log in to; returns their ids. */
export async function insertAccounts(
  pool: DatabasePool,
  count: number,
  role: 'buyer' | 'seller',
): Promise<string[]> {
  const all: string[] = []
  while (all.length < count) {
    const ids = Array.from({ length: Math.min(chunk, count - all.length) }, newId)
    await pool.query(sql.typeAlias('none')`
      insert into accounts (id, email, name, role, password_hash)
      select id, 'bench-' || id || '@bench.invalid', 'Benchmark', ${role}, '!'
        from unnest(${sql.array(ids, 'uuid')}) as id`)
    all.push(...ids)
  }
  return all
}

const session = z.object({ accessToken: z.string() })

/**
 * Registers up to `count` buyers over HTTP, a few at a time, and stops early when the server limits the
 * rate. @throws Error when not one could be registered.
 */
export async function registerBuyers(
  url: string,
  count: number,
  signal: AbortSignal,
): Promise<Buyers> {
  const tokens: string[] = []
  let refused: string | undefined
  const one = async () => {
    const email = `bench-${newId()}@bench.invalid`
    const answer = await fetch(`${url}/api/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password: newId(), name: 'Benchmark', role: 'buyer' }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(15_000)]),
    })
    const body: unknown = await answer.json()
    if (answer.status === 201) tokens.push(session.parse(body).accessToken)
    else refused = `POST /api/auth/register answered ${answer.status}`
  }
  while (tokens.length < count && refused === undefined) {
    const batch = Math.min(4, count - tokens.length)
    await Promise.all(Array.from({ length: batch }, one))
  }
  if (tokens.length === 0) throw new Error(refused ?? 'no buyer could be registered')
  return { ids: [], tokens: () => tokens }
}
