/**
 * The seven guarantees, each as a question to both stores. Safe to ask at any time, under load as well as at
 * rest: what is compared is either of one moment, or such that both moments must agree. Changes nothing.
 */
import type { DatabasePool } from 'slonik'
import type { Config } from '../config/config.ts'
import type { Clock } from '../kernel/clock.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { checkAccepted, checkWaiting } from './accepted-guarantee.ts'
import { checkBuyerCounts } from './buyer-counts.ts'
import { checkCheckouts, checkUniqueness } from './checkout-guarantees.ts'
import { Findings, type GuaranteeReport, type Note } from './findings.ts'
import { checkGates } from './gate-guarantee.ts'
import { checkHolds } from './hold-guarantee.ts'
import { checkMoney } from './money-guarantee.ts'
import { checkLimits, checkOversold } from './stock-guarantees.ts'

export interface GuaranteeDeps {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly config: Pick<Config, 'STOCK_STRATEGY' | 'SWEEP_SECONDS'>
  readonly clock: Clock
  /** Told what could not be checked and is therefore no breach. */
  readonly note?: Note
}

/** How long Redis may take to answer before it counts as away. */
const redisMs = 3_000

/**
 * Checks all of them, which takes seconds at a million checkouts. What cannot be compared (a gate that is
 * being rebuilt, a Redis that is away) is no breach: it is not counted as checked, and `note` is told.
 * Rejects when PostgreSQL cannot be asked.
 */
export async function checkGuarantees(deps: GuaranteeDeps): Promise<GuaranteeReport> {
  const { pool, redis, config, clock, note = () => {} } = deps
  const oversold = await checkOversold(pool)
  const stranded = new Findings(2)
  const lost = new Findings(3)
  const once = new Findings(4)
  await checkCheckouts(pool, lost, once)
  await checkUniqueness(pool, once)
  const money = new Findings(5)
  await checkMoney(pool, money, once)
  const limits = await checkLimits(pool)

  const stores = { pool, redis, clock, note }
  let away = !(await answers(redis, clock))
  if (!away && config.STOCK_STRATEGY === 'actor') {
    try {
      await checkGates(stores, stranded, lost)
      await checkBuyerCounts(stores, stranded)
      await checkAccepted(stores, lost)
    } catch (error) {
      away = !(await answers(redis, clock))
      if (!away) throw error
    }
  }
  if (away) note('Redis does not answer: gates, mailboxes and what they accepted are not checked')
  else await checkWaiting(pool, lost, note)
  const holds = await checkHolds(pool, config.SWEEP_SECONDS, note)

  const promises = [oversold, stranded, lost, once, money, holds, limits].map((found) =>
    found.result(),
  )
  return { kept: promises.every(({ kept }) => kept), promises }
}

async function answers(redis: RedisClient, clock: Clock): Promise<boolean> {
  const late = new AbortController()
  const pong = redis.ping().then(
    () => true,
    () => false,
  )
  const given = await Promise.race([pong, clock.sleep(redisMs, late.signal).then(() => false)])
  late.abort()
  return given
}
