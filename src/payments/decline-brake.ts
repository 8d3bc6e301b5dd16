/**
 * A brake on declined cards: people who try stolen card numbers have most of them declined. It counts
 * for each account and each network address, in an hour that begins with its first decline.
 */
import type { Clock } from '../kernel/clock.ts'
import { settlesWithin } from '../kernel/settles-within.ts'
import type { RedisClient } from '../platform/redis/client.ts'

/** Who pays for a checkout. */
export interface Payer {
  readonly checkoutId: string
  readonly account: string
  /** Of the client: of IPv4 the whole, of IPv6 the /64. */
  readonly address: string
}

/** Declines of the present hour, and the milliseconds until it ends. */
export interface DeclineCount {
  readonly declines: number
  readonly endsInMs: number
}

/** Declines that an account may have in an hour; 0 turns the brake off. */
export interface BrakeLimits {
  readonly perAccount: number
}

/** Behind one address there may be a household, an office, or the customers of a mobile network. */
export const addressFactor = 5
const hourMs = 3_600_000
/** A brake that does not answer lets pass. */
const patienceMs = 100

/** What confirm and settling ask; one for each process, over Redis. */
export interface DeclineBrake {
  /** Milliseconds until the payer may try a card again; null: now. Never rejects: without Redis, now. */
  check(payer: Payer): Promise<number | null>
  /** A card of the checkout was declined. Counts nothing without Redis, or an hour after the check. */
  declined(checkoutId: string): Promise<void>
}

/** How long whoever has these counts waits, in milliseconds; null: not at all. Never throws. */
export function brakeMs(
  { account, address }: { readonly account: DeclineCount; readonly address: DeclineCount },
  { perAccount }: BrakeLimits,
): number | null {
  if (perAccount === 0) return null
  const over = [
    ...(account.declines >= perAccount ? [account.endsInMs] : []),
    ...(address.declines >= perAccount * addressFactor ? [address.endsInMs] : []),
  ]
  return over.length === 0 ? null : Math.min(hourMs, Math.max(0, ...over))
}

/** Makes the brake of a process. Every key ends by itself after an hour. */
export function redisBrake(
  limits: BrakeLimits,
  { redis, clock }: { readonly redis: RedisClient; readonly clock: Clock },
): DeclineBrake {
  return {
    async check(payer) {
      if (limits.perAccount === 0) return null
      try {
        const asked = look(redis, payer)
        const inTime = await settlesWithin(clock, patienceMs, asked)
        return inTime ? brakeMs(await asked, limits) : null
      } catch {
        return null
      }
    },
    async declined(checkoutId) {
      if (limits.perAccount === 0) return
      try {
        const names = await redis.hgetall(payerKey(checkoutId))
        const counted = [names.account, names.address].filter((name) => name !== undefined)
        const pipeline = redis.pipeline()
        for (const name of counted) {
          pipeline.set(countKey(name), 0, 'PX', hourMs, 'NX').incr(countKey(name))
        }
        if (counted.length > 0) await pipeline.exec()
      } catch {
        // Without Redis nothing is counted, and nobody is stopped.
      }
    },
  }
}

/** One slot of a cluster: a pipeline stays in it. */
const tag = '{declines}'
const countKey = (name: string) => `${tag}:${name}`
const payerKey = (checkoutId: string) => `${tag}:payer:${checkoutId}`

/** Reads the counts, and notes who pays: the decline may come in another process, or by an event. */
async function look(redis: RedisClient, { checkoutId, account, address }: Payer) {
  const names = { account: `account:${account}`, address: `address:${address}` }
  const replies = await redis
    .pipeline()
    .get(countKey(names.account))
    .pttl(countKey(names.account))
    .get(countKey(names.address))
    .pttl(countKey(names.address))
    .hset(payerKey(checkoutId), names)
    .pexpire(payerKey(checkoutId), hourMs)
    .exec()
  const valueAt = (at: number) => {
    const [error, value] = replies?.[at] ?? []
    if (error) throw error
    return Number(value ?? 0)
  }
  return {
    account: { declines: valueAt(0), endsInMs: valueAt(1) },
    address: { declines: valueAt(2), endsInMs: valueAt(3) },
  }
}
