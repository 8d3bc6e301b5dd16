/** `verify --provider`: where the provider is, and what asks it. */
import type { DatabasePool } from 'slonik'
import { type Config, ConfigError } from '../config/config.ts'
import { systemClock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import type { Note } from '../ops/findings.ts'
import { compareWithProvider, type ProviderReport } from '../ops/provider-comparison.ts'
import { openBudget } from '../payments/budget/paced-budget.ts'
import { budgetedGateway, budgetedLists } from '../payments/budgeted-gateway.ts'
import { stripeGateway } from '../payments/stripe-gateway.ts'
import { stripeLists } from '../payments/stripe-lists.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { requestLimitsOf, stripeSettingsOf } from './shared.ts'

/** Half of the time is for the wait behind buyers. */
const timeoutMs = 20_000

/**
 * Compares what the provider has with the tables. `stripeUrl` is where a shop that runs on these stores
 * pays. Rejects with a ConfigError when nobody says where to ask; else as
 * {@link compareWithProvider}.
 */
export async function askProvider(
  settings: Config,
  parts: {
    readonly pool: DatabasePool
    readonly redis: RedisClient
    readonly stripeUrl: string | null | undefined
    readonly note: Note
  },
): Promise<ProviderReport> {
  const { pool, redis, stripeUrl, note } = parts
  const apiBase = settings.STRIPE_API_BASE ?? stripeUrl ?? undefined
  if (!settings.STRIPE_SECRET_KEY && apiBase === undefined) {
    throw new ConfigError(
      'STRIPE_SECRET_KEY: is not set, and no payment simulator runs on these stores; charges and refunds are not compared',
    )
  }
  const config = { ...settings, STRIPE_API_BASE: apiBase }
  const clock = systemClock
  const stripe = { ...stripeSettingsOf(config, clock), timeoutMs }
  const log = { warn: () => {}, info: () => {} }
  const budget = openBudget(requestLimitsOf(config), { redis, clock, log, id: newId() })
  const place = { budget, urgency: 'background', clock } as const
  return compareWithProvider({
    pool,
    lists: budgetedLists(stripeLists(stripe), place),
    gateway: budgetedGateway(stripeGateway(stripe), place),
    clock,
    note,
  })
}
