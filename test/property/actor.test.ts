// Random interleavings of buyers, owners, crashes and losses against real stores. Whatever happened: at the
// end the ledger is the sum of its holds, the gate sells exactly what is free, and nobody who was granted
// units is forgotten. A failure names its seed.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type CancelCheckout, createCancelCheckout } from '../../src/flows/pay/cancel-checkout.ts'
import { pgMoneyStore } from '../../src/flows/pay/money/pg-money-store.ts'
import { Checkouts } from '../../src/flows/reserve/checkouts.ts'
import { Results } from '../../src/flows/reserve/results.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { AppError } from '../../src/kernel/errors.ts'
import { newId } from '../../src/kernel/ids.ts'
import { postStockCommand } from '../../src/stock/gate/post-commands.ts'
import { RedisWakes } from '../../src/stock/gate/redis-wakes.ts'
import { partitionKeys, skuKeys } from '../../src/stock/protocol/keys.ts'
import type { StockCommand } from '../../src/stock/protocol/messages.ts'
import { failScript } from '../support/fail-script.ts'
import { type Owner, StockWorld } from '../support/stock-world.ts'
import { actorStrategyOf } from '../support/strategy-shop.ts'

const partition = 5
const limit = 3

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('buy' as const),
      buyer: fc.nat(3),
      units: fc.integer({ min: 1, max: 2 }),
      key: fc.nat(4),
      sku: fc.nat(1),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), owner: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass, and the settle fails' as const),
      after: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take over' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('tend' as const), owner: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(99) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('restock' as const),
      units: fc.integer({ min: -3, max: 3 }),
      sku: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('post again' as const), which: fc.nat(99) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      what: fc.constantFrom('everything', 'gate', 'mailbox', 'partition', 'records', 'run id'),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** One run: two SKUs in one partition, with whoever owns it, owned it, or believes to. */
class Run {
  readonly world: StockWorld
  readonly #skus: readonly string[]
  readonly #buyers = Array.from({ length: 4 }, () => newId())
  readonly #owners: Owner[]
  readonly #granted: { readonly id: string; readonly buyerId: string }[] = []
  readonly #commands: StockCommand[] = []
  readonly #gate
  readonly #checkouts: Checkouts
  readonly #cancel: CancelCheckout
  #lostData = false

  constructor(world: StockWorld, skus: readonly string[], owner: Owner) {
    this.world = world
    this.#skus = skus
    this.#owners = [owner]
    this.#gate = world.newGate({ impatient: true })
    const { pool, ids, redis } = world
    const results = new Results({
      wakes: new RedisWakes({ subscriber: redis, publisher: redis }),
      clock: systemClock,
    })
    const strategy = actorStrategyOf(world)
    this.#checkouts = new Checkouts({ pool, ids, strategy, results, clock: systemClock })
    this.#cancel = createCancelCheckout({ store: pgMoneyStore(pool), ids, strategy })
  }

  static async start(world: StockWorld): Promise<Run> {
    const skus = [
      await world.addSku({ units: 6, limit }, partition),
      await world.addSku({ units: 6 }, partition),
    ]
    const owner = await world.takeOver(partition)
    for (const sku of skus) await world.openGate(owner, sku)
    return new Run(world, skus, owner)
  }

  async take(each: Step): Promise<void> {
    switch (each.do) {
      case 'buy':
        return this.#buy(each)
      case 'pass':
        return this.#let(this.#owner(each.owner).actor.pass())
      case 'pass, and the settle fails': {
        const { redis } = this.world
        // Made known to the client by a first use.
        if (!('sluice:stock/settle' in redis)) return
        const failing = failScript(redis, 'stock/settle', { after: each.after })
        await this.#let(this.#owner(0).actor.pass())
        return failing.stop()
      }
      case 'take over':
        await this.#takeOver()
        return
      case 'tend':
        await this.world.age()
        return this.#let(this.#owner(each.owner).actor.tend())
      case 'cancel': {
        const granted = this.#granted[each.which % Math.max(this.#granted.length, 1)]
        if (granted) await this.#cancel(granted.id, granted.buyerId)
        return
      }
      case 'restock':
        if (each.units !== 0) {
          this.#commands.push(await this.world.command('restock', this.#sku(each.sku), each))
        }
        return
      case 'post again': {
        const command = this.#commands[each.which % Math.max(this.#commands.length, 1)]
        if (command) await postStockCommand(this.world.gates, command)
        return
      }
      case 'lose':
        return this.#lose(each.what)
    }
  }

  async judge(): Promise<void> {
    const { world } = this
    const owner = await this.#takeOver()
    // A command may first find its gate missing, and ask for it.
    for (let round = 0; round < 3; round++) {
      await world.age()
      await owner.actor.tend()
      await owner.runDry()
    }
    for (const { id, buyerId } of this.#granted) {
      const { status } = await this.#checkouts.get(id, buyerId)
      const final = ['reserved', 'cancelled', 'rejected', ...(this.#lostData ? ['lost'] : [])]
      assert.ok(final.includes(status), `${id} ends as ${status}`)
    }
    const open = await world.openCommands()
    assert.equal(open, 0, 'every command is closed')
    for (const sku of this.#skus) {
      // A gate that is missing is built when somebody asks.
      await world.openGate(owner, sku)
      await owner.runDry()
      const { free } = await world.assertSound(sku)
      for (let i = 0; i < free; i++) await world.granted(sku)
      assert.equal((await world.admit(sku)).tag, 'sold_out')
      await owner.runDry()
      assert.equal((await world.assertSound(sku)).free, 0)
    }
  }

  async end(): Promise<void> {
    for (const { connection } of this.#owners) await connection.close()
  }

  async #buy(each: Extract<Step, { do: 'buy' }>): Promise<void> {
    const buyerId = this.#buyers[each.buyer] as string
    const sku = this.#sku(each.sku)
    const outcome = await this.world.admit(sku, {
      ...{ buyerId, units: each.units, gate: this.#gate },
      key: `key ${each.key}`,
    })
    if (outcome.tag === 'granted') this.#granted.push({ id: outcome.checkoutId, buyerId })
  }

  async #lose(what: Extract<Step, { do: 'lose' }>['what']): Promise<void> {
    const { redis } = this.world
    const keys = partitionKeys(partition)
    const [sku] = this.#skus as [string]
    if (what === 'everything' || what === 'mailbox') this.#lostData = true
    if (what === 'everything') await redis.flushall()
    if (what === 'gate') await redis.del(skuKeys(partition, sku).gate)
    if (what === 'mailbox') await redis.del(skuKeys(partition, sku).mailbox)
    if (what === 'partition') await redis.del(keys.partition)
    if (what === 'records') await redis.del('-', ...(await redis.keys(`{${partition}}:requests:*`)))
    if (what === 'run id') await redis.hset(keys.partition, 'run_id', 'another')
  }

  /** The present owner is the last; the others are zombies that may still try. */
  #owner(back: number): Owner {
    return this.#owners[Math.max(this.#owners.length - 1 - back, 0)] as Owner
  }

  async #takeOver(): Promise<Owner> {
    const owner = await this.world.takeOver(partition)
    this.#owners.push(owner)
    return owner
  }

  /** Owners may find themselves fenced, and settles fail by order; anything else is an error of ours. */
  async #let(working: Promise<unknown>): Promise<void> {
    await working.catch((error: Error) => {
      const expected = error.name === 'Fenced' || error.message.includes('by order of the test')
      if (!expected || error instanceof AppError) throw error
    })
  }

  #sku(index: number): string {
    return this.#skus[index] as string
  }
}

test('after any interleaving ledger, holds and gate agree and nobody granted is forgotten', async (t) => {
  const world = await StockWorld.start(t)
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
      async (steps) => {
        const run = await Run.start(world)
        try {
          for (const each of steps) await run.take(each)
          await run.judge()
        } finally {
          await run.end()
        }
      },
    ),
    { numRuns: Math.ceil(Number(process.env.FC_RUNS ?? 300) / 20), endOnFailure: true },
  )
})
