/** What API and worker connect in the same way. */
import type { DatabasePool } from 'slonik'
import type { Config, ConnectedConfig } from '../config/config.ts'
import { Leases } from '../flows/pay/leases.ts'
import { pgMoneyStore } from '../flows/pay/money/pg-money-store.ts'
import type { MoneyDeps } from '../flows/pay/money-deps.ts'
import { PaymentQueue } from '../flows/pay/payment-queue.ts'
import { ProviderAccess } from '../flows/pay/provider-access.ts'
import { Assembly, currenciesOf } from '../flows/reserve/assembly.ts'
import { offerSource } from '../flows/reserve/offer-source.ts'
import { actorStrategy } from '../flows/reserve/strategies/actor.ts'
import { pessimisticStrategy } from '../flows/reserve/strategies/pessimistic.ts'
import type { ReservationStrategy } from '../flows/reserve/strategy.ts'
import { systemClock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import { systemRandom } from '../kernel/random.ts'
import type { CallBudget, RequestLimits, Urgency } from '../payments/budget/budget.ts'
import { openBudget } from '../payments/budget/paced-budget.ts'
import { budgetedGateway, budgetedLists } from '../payments/budgeted-gateway.ts'
import { redisBrake } from '../payments/decline-brake.ts'
import type { ProviderLists } from '../payments/provider-lists.ts'
import {
  type StripeSettings,
  simulatorKey,
  simulatorUrl,
  stripeGateway,
} from '../payments/stripe-gateway.ts'
import { stripeLists } from '../payments/stripe-lists.ts'
import { openPool } from '../platform/postgres/pool.ts'
import { openRedis, type RedisClient, type RedisPurpose } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { Gate } from '../stock/gate/gate.ts'
import type { LocalRefusals } from '../stock/gate/local-refusals.ts'
import { skuExists } from '../stock/ledger/sku-exists.ts'
import type { GateStore } from '../stock/ports.ts'
import type { CheckoutIds } from '../stock/protocol/checkout-id.ts'

interface StrategyParts {
  readonly pool: DatabasePool
  readonly gates: GateStore
  readonly ids: CheckoutIds
  readonly refusals: LocalRefusals
}

/** The reservation strategy that the settings name. */
export function strategyOf(config: ConnectedConfig, parts: StrategyParts): ReservationStrategy {
  const { pool, gates, ids, refusals } = parts
  if (config.STOCK_STRATEGY === 'pessimistic') {
    const holdSeconds = config.HOLD_SECONDS
    return pessimisticStrategy({
      pool,
      ids,
      offers: offerSource(pool),
      clock: systemClock,
      holdSeconds,
    })
  }
  const gate = new Gate({
    gates,
    ids,
    refusals,
    clock: systemClock,
    random: systemRandom,
    skuExists: (sku) => skuExists(pool, sku),
    waitingUnitsMax: config.MAILBOX_UNITS,
  })
  const currencies = (skus: readonly string[]) => currenciesOf(pool, skus)
  return actorStrategy({
    gate,
    gates,
    clock: systemClock,
    assembly: new Assembly({ pool, gates, gate, ids, currencies }),
  })
}

/** What Stripe allows an account that has not asked for more. The simulator has no limits. */
export function requestLimitsOf(config: Config): RequestLimits {
  const usual = config.STRIPE_SECRET_KEY ? { account: 100, endpoint: 25 } : unlimited
  return {
    account: config.STRIPE_REQUESTS_PER_SECOND ?? usual.account,
    endpoint: config.STRIPE_REQUESTS_PER_ENDPOINT ?? usual.endpoint,
  }
}

const unlimited: RequestLimits = { account: 0, endpoint: 0 }

/** How long a process that stops waits for payments that are under way; the others are resumed. */
const paymentsMs = 5_000

interface PaymentParts extends Pick<MoneyDeps, 'pool' | 'strategy' | 'clock' | 'random' | 'log'> {
  /** Where all processes share one budget of calls to the provider. */
  readonly redis: RedisClient
  /** Whether buyers wait for the calls of this process. */
  readonly urgency: Urgency
}

/** Payments of one process: what they are made of, and the queue before the provider. */
export function startPayments(
  config: ConnectedConfig,
  { redis, urgency, ...parts }: PaymentParts,
): {
  readonly money: MoneyDeps
  readonly queue: PaymentQueue
  readonly lists: ProviderLists
  stop(): Promise<void>
} {
  const { clock, log } = parts
  const budget = openBudget(requestLimitsOf(config), { redis, clock, log, id: newId() })
  const brake = redisBrake({ perAccount: config.DECLINES_PER_HOUR }, { redis, clock })
  const money = { ...moneyOf(config, parts, { budget, urgency }), brake }
  const queue = new PaymentQueue({ ...money, budget })
  void money.access.check()
  return {
    money,
    queue,
    lists: budgetedLists(stripeLists(stripeSettingsOf(config, clock)), { budget, urgency, clock }),
    async stop() {
      await queue.stop(paymentsMs)
      money.access.stop()
    },
  }
}

function moneyOf(
  config: ConnectedConfig,
  parts: Omit<PaymentParts, 'redis' | 'urgency'>,
  { budget, urgency }: { readonly budget: CallBudget; readonly urgency: Urgency },
): MoneyDeps {
  const { clock, log } = parts
  const store = pgMoneyStore(parts.pool)
  const stripe = stripeGateway(stripeSettingsOf(config, clock))
  const gateway = budgetedGateway(stripe, { budget, urgency, clock })
  return {
    ...parts,
    store,
    gateway,
    leases: new Leases({ store, clock, log }),
    access: new ProviderAccess({ gateway, clock, log }),
    declinesMax: config.MAX_PAYMENT_ATTEMPTS,
    outage: config.PAYMENT_OUTAGE,
  }
}

/** Without a key there is nobody but the simulator to pay with. */
export function stripeSettingsOf(config: Config, clock: StripeSettings['clock']): StripeSettings {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = config
  const { PAYMENT_METHODS: methods } = config
  return secretKey
    ? { secretKey, apiBase, methods, clock }
    : { secretKey: simulatorKey, apiBase: apiBase ?? simulatorUrl, methods, clock }
}

/** Opens connections to Redis whose errors are logged. */
export function redisOpener(config: ConnectedConfig, log: Logger) {
  return (purpose: RedisPurpose) =>
    openRedis(config.REDIS_URL, purpose, (error) =>
      log.warn({ err: error, purpose }, 'error of a Redis connection; the client reconnects'),
    )
}

/** A pool of at most `max` connections to PostgreSQL. `onExecuted` hears every statement. */
export function poolOf(
  config: ConnectedConfig,
  log: Logger,
  max: number,
  onExecuted?: (statement: string) => void,
): Promise<DatabasePool> {
  return openPool(config.DATABASE_URL, {
    max,
    statementTimeoutMs: 10_000,
    onError: (error) =>
      log.debug({ err: error }, 'error of a PostgreSQL connection; the pool opens another'),
    ...(onExecuted ? { onExecuted } : {}),
  })
}
