/** Checkouts under one reservation strategy, with whatever carries its commands out, on a {@link StockWorld}. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { type CancelCheckout, createCancelCheckout } from '../../src/flows/pay/cancel-checkout.ts'
import { expireHolds } from '../../src/flows/pay/expire-holds.ts'
import { pgMoneyStore } from '../../src/flows/pay/money/pg-money-store.ts'
import { Assembly, currenciesOf } from '../../src/flows/reserve/assembly.ts'
import type { CheckoutView } from '../../src/flows/reserve/checkout-repository.ts'
import { Checkouts } from '../../src/flows/reserve/checkouts.ts'
import { offerSource } from '../../src/flows/reserve/offer-source.ts'
import { Results } from '../../src/flows/reserve/results.ts'
import { actorStrategy } from '../../src/flows/reserve/strategies/actor.ts'
import { pessimisticStrategy } from '../../src/flows/reserve/strategies/pessimistic.ts'
import type { Line, Refusal, ReservationStrategy } from '../../src/flows/reserve/strategy.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { openRedis, type RedisClient } from '../../src/platform/redis/client.ts'
import { startDirectCommands } from '../../src/stock/direct/direct-commands.ts'
import { RedisWakes } from '../../src/stock/gate/redis-wakes.ts'
import { openPgLedger } from '../../src/stock/ledger/pg-ledger.ts'
import { partitionKeys } from '../../src/stock/protocol/keys.ts'
import { partitionCount } from '../../src/stock/protocol/partition.ts'
import { startOwners } from '../../src/system/owners.ts'
import { eventually } from './eventually.ts'
import { expireNow } from './purchases/change.ts'
import { holdSeconds, StockWorld } from './stock-world.ts'

export const strategyNames = ['actor', 'pessimistic'] as const
export type StrategyName = (typeof strategyNames)[number]

export interface StrategyShop {
  readonly world: StockWorld
  readonly strategy: ReservationStrategy
  readonly checkouts: Checkouts
  readonly cancel: CancelCheckout
  /** Buys and waits for the commit; a buyer and a key of its own unless given. */
  buy(lines: readonly Line[], over?: { buyerId?: string; key?: string }): Promise<Bought | Refusal>
  /** Expires what is due; a checkout is due when `overdue` says so. */
  sweep(): Promise<number>
  /** Moves the deadline of every checkout, or of one, into the past. */
  overdue(id?: string): Promise<void>
}

export interface Bought {
  readonly tag: 'placed'
  readonly checkout: CheckoutView
  readonly replayed: boolean
  readonly buyerId: string
  readonly key: string
}

const log = pino({ level: 'silent' })

export async function startStrategyShop(t: TestContext, name: StrategyName): Promise<StrategyShop> {
  const world = await StockWorld.start(t)
  const { pool, ids } = world
  const subscriber = openRedis(world.redisServer.url, 'subscriber', () => {})
  const strategy = strategyOf(name, world)
  const stop = name === 'actor' ? startActors(world, subscriber) : startDirect(world)
  world.onClose(async () => {
    await stop()
    subscriber.disconnect()
  })
  if (name === 'actor') await allOwned(world)
  const wakes = new RedisWakes({ subscriber, publisher: world.redis })
  const results = new Results({ wakes, clock: systemClock })
  const checkouts = new Checkouts({ pool, ids, strategy, results, clock: systemClock })
  return {
    world,
    strategy,
    checkouts,
    cancel: createCancelCheckout({ store: pgMoneyStore(pool), ids, strategy }),
    async buy(lines, { buyerId = newId(), key = newId() } = {}) {
      const placed = await checkouts.place({ buyerId, lines, key, waitMs: 20_000 })
      return placed.tag === 'placed' ? { ...placed, buyerId, key } : placed
    },
    sweep: () => expireHolds({ store: pgMoneyStore(pool), strategy }),
    async overdue(id) {
      await expireNow(pool, id)
    },
  }
}

/** The actor's strategy as an API process wires it. */
export function actorStrategyOf(world: StockWorld): ReservationStrategy {
  const { pool, apiGates: gates, ids, gate } = world
  const currencies = (skus: readonly string[]) => currenciesOf(pool, skus)
  const assembly = new Assembly({ pool, gates, gate, ids, currencies })
  return actorStrategy({ gate, gates, clock: systemClock, assembly })
}

function strategyOf(name: StrategyName, world: StockWorld): ReservationStrategy {
  if (name === 'actor') return actorStrategyOf(world)
  const { pool, ids } = world
  return pessimisticStrategy({
    pool,
    ids,
    offers: offerSource(pool),
    clock: systemClock,
    holdSeconds,
  })
}

function startActors(world: StockWorld, subscriber: RedisClient): () => Promise<void> {
  const { databaseUrl, pool, redis } = world
  const stores = {
    databaseUrl,
    pool,
    stampPool: pool,
    redis,
    subscriber,
    offers: offerSource(pool),
  }
  return startOwners({
    ...stores,
    holdSeconds,
    lanes: 2,
    clock: systemClock,
    random: systemRandom,
    log,
  })
}

function startDirect({ databaseUrl, gates }: StockWorld): () => Promise<void> {
  return startDirectCommands({
    connect: () => openPgLedger(databaseUrl, 'sluice-direct', systemClock),
    gates,
    holdSeconds,
    clock: systemClock,
    random: systemRandom,
    log,
  })
}

/** A worker that takes partitions over may need longer to build a gate than a buyer waits for it. */
function allOwned({ redis }: StockWorld): Promise<boolean> {
  const partitions = Array.from({ length: partitionCount }, (_, i) => partitionKeys(i).partition)
  return eventually(
    async () => {
      const open = await Promise.all(partitions.map((key) => redis.hget(key, 'open')))
      return open.every((each) => each === '1')
    },
    { timeoutMs: 30_000 },
  )
}

/** What was bought; fails when it was refused. */
export function bought(outcome: Bought | Refusal): Bought {
  assert.ok(outcome.tag === 'placed', JSON.stringify(outcome))
  return outcome
}

/** `reserved`, or the code of the refusal. */
export const wordOf = (outcome: Bought | Refusal): string =>
  outcome.tag === 'placed' ? outcome.checkout.status : outcome.code
