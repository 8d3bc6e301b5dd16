/** A shop whose payment provider is a simulator of the test's own, and buyers who pay. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { demoSecrets } from '../../src/config/config.ts'
import { Leases } from '../../src/flows/pay/leases.ts'
import { pgMoneyStore } from '../../src/flows/pay/money/pg-money-store.ts'
import type { MoneyDeps } from '../../src/flows/pay/money-deps.ts'
import { ProviderAccess } from '../../src/flows/pay/provider-access.ts'
import { reconcilePayments } from '../../src/flows/pay/resume.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import type { PaymentGateway } from '../../src/payments/gateway.ts'
import { stripeGateway } from '../../src/payments/stripe-gateway.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { createLogger } from '../../src/platform/telemetry/logger.ts'
import { postStockCommand } from '../../src/stock/gate/post-commands.ts'
import { RedisGates } from '../../src/stock/gate/redis-gates.ts'
import { eventually } from './eventually.ts'
import { endLeases, moveDeadline } from './purchases/change.ts'
import { type Purchase, purchaseOf } from './purchases/find.ts'
import { canBeShared, sharedBy } from './shared.ts'
import { startTestSimulator, type TestSimulator, testStripeKey } from './simulator.ts'
import { type SkuOptions, type SystemOptions, startTestSystem, type TestSystem } from './system.ts'

type Closing = Pick<TestContext, 'after'>

export type PayingSystem = Awaited<ReturnType<typeof startOwnPayingSystem>>

export interface PayingOptions extends SystemOptions {
  /** Whether the simulator's events reach the shop; default no. */
  readonly webhooks?: boolean
}

export interface Bought {
  readonly buyer: string
  readonly id: string
  readonly sku: string
}

const systems = new Map<string, Promise<PayingSystem>>()

/**
 * Starts shop and provider; prices are in EUR. Shared as those of {@link startTestSystem} are, with a provider that is
 * well again when the test ends.
 */
export async function startPayingSystem(
  t: Closing,
  { webhooks = false, ...options }: PayingOptions = {},
) {
  if (!canBeShared(options)) return startOwnPayingSystem(t, options, webhooks)
  const shop = await sharedBy(systems, options, startOwnPayingSystem)
  t.after(() => shop.simulator.script('DELETE', 'scripts'))
  if (webhooks) await deliverTo(shop)
  return shop
}

async function startOwnPayingSystem(t: Closing, options: SystemOptions, webhooks = false) {
  const simulator = await startTestSimulator(t)
  const system = await startTestSystem(t, {
    ...options,
    own: true,
    settings: {
      STRIPE_API_BASE: simulator.url,
      STRIPE_SECRET_KEY: testStripeKey,
      STRIPE_REQUESTS_PER_SECOND: '0',
      STRIPE_REQUESTS_PER_ENDPOINT: '0',
      ...options.settings,
    },
  })
  const { pool } = system
  if (webhooks) await deliverTo({ simulator, url: system.url })
  return {
    ...system,
    simulator,
    /** A SKU of its own with one reserved checkout of a new buyer. */
    async reserve(
      sku: SkuOptions & { readonly quantity?: number; readonly buyer?: string } = {},
    ): Promise<Bought> {
      const { quantity = 1, buyer = newId(), ...options } = sku
      return this.reserveOf(await system.addSku(options), { quantity, buyer })
    },
    async reserveOf(
      sku: string,
      { quantity = 1, buyer = newId() }: { quantity?: number; buyer?: string } = {},
    ): Promise<Bought> {
      const placed = await eventually(async () => {
        const answer = await system.place(buyer, [{ sku, quantity }], { wait: 10 })
        assert.equal(answer.status, 201, JSON.stringify(answer.body))
        return answer
      })
      assert.equal(placed.body.status, 'reserved')
      return { buyer, sku, id: placed.body.id }
    },
    confirm: ({ buyer, id }: Bought, paymentMethodId = 'pm_card_visa') =>
      system.call('POST', `/api/checkouts/${id}/confirm`, { buyer, body: { paymentMethodId } }),
    ...observer(pool, simulator),
    ...saga(system, simulator.url),
    /** What the reconciler does once whoever drove the open attempts is gone. */
    async reconcile(money: MoneyDeps) {
      await endLeases(pool)
      await reconcilePayments(money)
    },
    intentOf: async (id: string) =>
      pool.oneFirst(sql.type(z.object({ intent_id: z.string() }))`
        select intent_id from payments where checkout_id = ${id}`),
    /** Moves a checkout's deadline into the past, or any number of seconds from now. */
    expireIn: (id: string, seconds: number) => moveDeadline(pool, id, seconds),
  }
}

async function deliverTo({ simulator, url }: Pick<PayingSystem, 'simulator' | 'url'>) {
  const target = { url: `${url}/webhooks/stripe`, secret: demoSecrets.webhook }
  await simulator.script('PUT', 'webhooks', { target })
}

function observer(pool: DatabasePool, simulator: TestSimulator) {
  const stateOf = (id: string) => purchaseOf(pool, id)

  return {
    stateOf,
    /** Waits until the checkout, its order and its money are as given; other members are not looked at. */
    becomes: (id: string, wanted: Partial<Purchase>, timeoutMs = 10_000) =>
      eventually(
        async () => {
          const state = await stateOf(id)
          assert.deepEqual({ ...state, ...wanted }, state)
        },
        { timeoutMs },
      ),
    /** The intent that the provider made for a checkout, whether or not the shop has heard of it. */
    async madeIntentOf(id: string): Promise<string> {
      const intents = await simulator.stripe.paymentIntents.list({ limit: 100 })
      const [ours, ...others] = intents.data.filter(({ metadata }) => metadata.checkoutId === id)
      assert.ok(ours && others.length === 0, `${others.length} more intents of ${id}`)
      return ours.id
    },
    /** What the provider has taken and given back for one checkout, over all its intents. */
    async moneyOf(id: string) {
      const intents = await simulator.stripe.paymentIntents.list({ limit: 100 })
      const ours = intents.data.filter(({ metadata }) => metadata.checkoutId === id)
      const tallies = await Promise.all(
        ours.map((intent) => simulator.script('GET', `payment_intents/${intent.id}`)),
      )
      const sum = (member: string) =>
        tallies.reduce((total, tally) => total + Number(tally[member]), 0)
      return {
        intents: ours.length,
        charges: sum('succeeded'),
        captured: sum('captured'),
        refunded: sum('refunded'),
        statuses: ours.map(({ status }) => status),
      }
    },
  }
}

function saga({ pool, redis, config }: TestSystem, apiBase: string) {
  const gates = new RedisGates(redis, systemClock.now)
  return {
    /** What the saga is built from, to run a part of it in the test. `gateway` wraps the provider's. */
    money(
      more: Partial<MoneyDeps> & {
        readonly wrap?: (gateway: PaymentGateway) => PaymentGateway
      } = {},
    ): MoneyDeps {
      const { wrap = (gateway: PaymentGateway) => gateway, ...rest } = more
      const store = pgMoneyStore(pool)
      const clock = systemClock
      const log = createLogger({ level: 'silent', role: 'test' })
      const gateway = wrap(stripeGateway({ secretKey: testStripeKey, apiBase, clock }))
      return {
        pool,
        store,
        leases: new Leases({ store, clock, log }),
        access: new ProviderAccess({ gateway, clock, log }),
        gateway,
        strategy: {
          post: async (commands) => {
            await Promise.allSettled(commands.map((command) => postStockCommand(gates, command)))
          },
        },
        clock,
        random: systemRandom,
        log,
        declinesMax: config.MAX_PAYMENT_ATTEMPTS,
        outage: config.PAYMENT_OUTAGE,
        ...rest,
      }
    },
  }
}
