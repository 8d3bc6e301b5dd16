/**
 * A brake on declined cards: people who try stolen card numbers have most of them declined. It counts
 * for each account and each network address, in an hour that begins with its first decline.
 */
import type { Clock } from '../kernel/clock.ts'
import { RecentMap } from '../kernel/recent-map.ts'
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
/** Checkouts whose payers a process remembers, at most. */
const drivenMax = 10_000

/** What confirm and settling ask; one for each process, over Redis. */
export interface DeclineBrake {
  /** Milliseconds until the payer may try a card again; null: now. Never rejects: without Redis, now. */
  check(payer: Payer): Promise<number | null>
  /** An attempt of the payer's has begun, which this process drives. */
  note(payer: Payer): void
  /** The verdict on the payer's attempt may come in another process, or by an event. Never rejects. */
  share(payer: Payer): Promise<void>
  /**
   * A card of the checkout was declined; resolves when it counts, after 100 ms at the latest. Counts
   * nothing without Redis, or an hour after the payer was shared.
   */
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
  const driven = new RecentMap<Names>(drivenMax)
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
    note({ checkoutId, ...payer }) {
      if (limits.perAccount > 0) driven.set(checkoutId, namesOf(payer))
    },
    async share({ checkoutId, ...payer }) {
      if (limits.perAccount === 0) return
      const key = payerKey(checkoutId)
      try {
        await redis.pipeline().hset(key, namesOf(payer)).pexpire(key, hourMs).exec()
      } catch {
        // As below.
      }
    },
    async declined(checkoutId) {
      if (limits.perAccount === 0) return
      const counted = count(redis, checkoutId, driven.get(checkoutId)).catch(() => {
        // Without Redis nothing is counted, and nobody is stopped.
      })
      await settlesWithin(clock, patienceMs, counted)
    },
  }
}

/** One slot of a cluster: a pipeline stays in it. */
const tag = '{declines}'
const countKey = (name: string) => `${tag}:${name}`
const payerKey = (checkoutId: string) => `${tag}:payer:${checkoutId}`

async function count(redis: RedisClient, checkoutId: string, known?: Names): Promise<void> {
  const { account, address } = known ?? (await redis.hgetall(payerKey(checkoutId)))
  const pipeline = redis.pipeline()
  for (const name of [account, address]) {
    if (name !== undefined) {
      pipeline.set(countKey(name), 0, 'PX', hourMs, 'NX').incr(countKey(name))
    }
  }
  await pipeline.exec()
}

interface Names {
  readonly account?: string
  readonly address?: string
}

function namesOf({ account, address }: Omit<Payer, 'checkoutId'>) {
  return { account: `account:${account}`, address: `address:${address}` }
}

/** One command for nearly everybody: when an hour ends matters only where there is something to wait for. */
async function look(redis: RedisClient, payer: Payer) {
  const names = namesOf(payer)
  const keys = [countKey(names.account), countKey(names.address)] as const
  const [account, address] = (await redis.mget(...keys)).map((value) => Number(value ?? 0))
  const countOf = async (key: string, declines = 0): Promise<DeclineCount> => ({
    declines,
    endsInMs: declines === 0 ? 0 : await redis.pttl(key),
  })
  return {
    account: await countOf(keys[0], account),
    address: await countOf(keys[1], address),
  }
}
