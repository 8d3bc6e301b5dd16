/**
 * The stock domain on real stores, driven by hand: owners take a partition over and make their passes when
 * the test says so. Nothing runs by itself, so every interleaving can be written down.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import pg from 'pg'
import type { DatabasePool } from 'slonik'
import type { RedisHandle } from '../../dev/embedded-redis.ts'
import type { ActorFactory, PartitionActor } from '../../src/actor/actor.ts'
import { writeCommands } from '../../src/flows/reserve/end-checkout.ts'
import { offerSource } from '../../src/flows/reserve/offer-source.ts'
import { type Clock, systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { PipelinedConnection } from '../../src/platform/postgres/pipeline.ts'
import { openPool, sql } from '../../src/platform/postgres/pool.ts'
import { openRedis, type RedisClient } from '../../src/platform/redis/client.ts'
import { Gate, type GateOutcome } from '../../src/stock/gate/gate.ts'
import { LocalRefusals } from '../../src/stock/gate/local-refusals.ts'
import { postStockCommand } from '../../src/stock/gate/post-commands.ts'
import { RedisGates } from '../../src/stock/gate/redis-gates.ts'
import { RedisMailbox } from '../../src/stock/gate/redis-mailbox.ts'
import { refreshTerms } from '../../src/stock/gate/refresh-terms.ts'
import { openLedger } from '../../src/stock/ledger/open-ledger.ts'
import { PgLedger } from '../../src/stock/ledger/pg-ledger.ts'
import { skuExists } from '../../src/stock/ledger/sku-exists.ts'
import type { Committed } from '../../src/stock/owner/commit-pass.ts'
import { type StockActorDeps, stockActors } from '../../src/stock/owner/partition-actor.ts'
import type { LedgerStore } from '../../src/stock/ports.ts'
import { type CheckoutIds, checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import { partitionKeys } from '../../src/stock/protocol/keys.ts'
import type { CommandKind, StockCommand } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { eventually } from './eventually.ts'
import { lockingCheckout } from './purchases/change.ts'
import { StockFacts } from './stock-facts.ts'
import { createTestDatabase, createTestRedis } from './stores.ts'

export const holdSeconds = 900

export interface NewSku {
  readonly units: number
  readonly price?: number
  readonly currency?: string
  /** Units per buyer; makes a sale that is open. */
  readonly limit?: number
  /** Of the sale. */
  readonly startsAt?: Date
  readonly endsAt?: Date
}

export interface Owner {
  readonly actor: PartitionActor
  readonly connection: PipelinedConnection
  readonly ledger: LedgerStore
  readonly committed: Committed[]
  readonly warnings: string[]
  /** Passes until nothing waits and everything is settled. */
  runDry(): Promise<void>
}

let skuCount = 0

export class StockWorld extends StockFacts {
  readonly databaseUrl: string
  readonly redisServer: RedisHandle
  readonly gateRedis: RedisClient
  /** The owners' gates and mailboxes, and the gates as API processes ask them. */
  readonly gates: RedisGates
  readonly mailbox: RedisMailbox
  readonly apiGates: RedisGates
  readonly ids: CheckoutIds = checkoutIds('a secret of these tests', systemClock.now, systemRandom)
  readonly gate: Gate
  readonly #closing: (() => Promise<void> | void)[] = []
  #seller: string | undefined

  private constructor(
    t: TestContext,
    databaseUrl: string,
    redisServer: RedisHandle,
    pool: DatabasePool,
  ) {
    super(
      pool,
      openRedis(redisServer.url, 'patient', () => {}),
    )
    this.databaseUrl = databaseUrl
    this.redisServer = redisServer
    this.gateRedis = openRedis(redisServer.url, 'gate', () => {})
    this.gates = new RedisGates(this.redis, systemClock.now)
    this.mailbox = new RedisMailbox(this.redis)
    this.apiGates = new RedisGates(this.gateRedis, systemClock.now)
    this.gate = this.newGate()
    t.after(async () => {
      for (const close of this.#closing.reverse()) await close()
      this.redis.disconnect()
      this.gateRedis.disconnect()
      await pool.end()
    })
  }

  /** With `cluster`, on a Redis Cluster of one node, which answers clients of one Redis too. */
  static async start(t: TestContext, { cluster = false } = {}): Promise<StockWorld> {
    const [databaseUrl, redisServer] = await Promise.all([
      createTestDatabase(t),
      createTestRedis(t, { cluster }),
    ])
    const pool = await openPool(databaseUrl, {
      max: 10,
      statementTimeoutMs: 10_000,
      onError: () => {},
    })
    const world = new StockWorld(t, databaseUrl, redisServer, pool)
    await world.redisIsBack()
    return world
  }

  /** Closes what stands on this world, before its connections are closed; the last one first. */
  onClose(close: () => Promise<void> | void): void {
    this.#closing.push(close)
  }

  /** Resolves when both connections answer. */
  async redisIsBack(): Promise<void> {
    await eventually(() => Promise.all([this.redis.ping(), this.gateRedis.ping()]))
  }

  /** Another API process; an impatient one does not wait for a gate that is not there. */
  newGate({ impatient = false } = {}): Gate {
    let now = 0
    const hurried: Clock = {
      ...systemClock,
      monotonic: () => {
        now += 900
        return now
      },
    }
    const clock = impatient ? hurried : systemClock
    return new Gate({
      gates: this.apiGates,
      ids: this.ids,
      refusals: new LocalRefusals({ gates: this.apiGates, clock }),
      clock,
      random: systemRandom,
      skuExists: (sku) => skuExists(this.pool, sku),
      waitingUnitsMax: 10_000,
    })
  }

  /** A SKU of the catalogue with all units free; its partition is the one given, else any. */
  async addSku(options: NewSku, partition?: number): Promise<string> {
    let sku: string
    do sku = `SKU-${++skuCount}`
    while (partition !== undefined && partitionOf(sku) !== partition)
    const { units, price = 1_000, currency = 'EUR', limit, startsAt, endsAt } = options
    const seller = await this.#anySeller()
    const product = newId()
    await this.pool.query(sql.typeAlias('none')`
      insert into products (id, seller_id, slug, title, category)
      values (${product}, ${seller}, ${sku.toLowerCase()}, ${`Thing ${sku}`}, 'things')`)
    await this.pool.query(sql.typeAlias('none')`
      insert into variants (sku, product_id, price, currency)
      values (${sku}, ${product}, ${price}, ${currency})`)
    await openLedger(this.pool, [{ sku, units }])
    if (limit !== undefined || startsAt || endsAt) {
      const from = startsAt ?? new Date(systemClock.now() - 3_600_000)
      const to = endsAt ?? new Date(systemClock.now() + 3_600_000)
      await this.pool.query(sql.typeAlias('none')`
        insert into sales (id, sku, state, starts_at, ends_at, units, price, per_customer_limit)
        values (${newId()}, ${sku}, 'open', ${sql.timestamp(from)}, ${sql.timestamp(to)}, ${Math.max(units, 1)},
          ${price}, ${limit ?? null})`)
    }
    return sku
  }

  /** Gives the SKU's sale another limit per buyer, and tells its gate. */
  async changeLimit(sku: string, limit: number): Promise<void> {
    await this.pool.query(sql.typeAlias('none')`
      update sales set per_customer_limit = ${limit} where sku = ${sku}`)
    await refreshTerms(this.gates, offerSource(this.pool), sku)
  }

  /** A SKU with its gate built, and the owner that built it. */
  async open(options: NewSku, partition?: number): Promise<{ sku: string; owner: Owner }> {
    const sku = await this.addSku(options, partition)
    const owner = await this.takeOver(partitionOf(sku))
    await this.openGate(owner, sku)
    return { sku, owner }
  }

  /** Has the gate of a SKU built by the owner of its partition. */
  async openGate(owner: Owner, sku: string): Promise<void> {
    await this.redis.sadd(partitionKeys(partitionOf(sku)).wanted, sku)
    await owner.actor.pass()
  }

  /** One more owner of a partition, on a connection of its own and without the lock. */
  async takeOver(
    partition: number,
    over: Partial<StockActorDeps> = {},
    through: string = this.databaseUrl,
  ): Promise<Owner> {
    const connection = await this.connect(through)
    const committed: Committed[] = []
    const warnings: string[] = []
    const factory = this.actors({
      warn: (message) => warnings.push(message),
      onCommitted: (_, each) => committed.push(each),
      ...over,
    })
    const ledger = new PgLedger(connection)
    const actor = await factory.takeOver(partition, ledger)
    const { mailbox } = this
    return {
      actor,
      connection,
      ledger,
      committed,
      warnings,
      async runDry() {
        for (let i = 0; i < 200; i++) {
          if ((await actor.pass()).anything) continue
          // A second look reads what is ready without knowing it from before, and settles it.
          const { anything } = await actor.pass()
          if (!anything && (await mailbox.waiting(partition)).ready.length === 0) return
        }
        assert.fail('the owner finds no end')
      },
    }
  }

  /** What makes owners here. */
  actors(over: Partial<StockActorDeps> = {}): ActorFactory<LedgerStore> {
    return stockActors({
      gates: this.gates,
      mailbox: this.mailbox,
      offers: offerSource(this.pool),
      holdSeconds,
      now: systemClock.now,
      monotonic: systemClock.monotonic,
      random: systemRandom,
      warn: () => {},
      onCommitted: () => {},
      wake: () => {},
      ...over,
    })
  }

  async connect(url: string = this.databaseUrl): Promise<PipelinedConnection> {
    const connection = await PipelinedConnection.open(url, {
      name: 'sluice-lane of a test',
      onLost: () => {},
      clock: systemClock,
    })
    this.onClose(() => connection.close())
    return connection
  }

  /** Asks the gate for units under a key of its own. */
  async admit(
    sku: string,
    over: {
      buyerId?: string
      units?: number
      key?: string
      fingerprint?: string
      gate?: Gate
    } = {},
  ): Promise<GateOutcome> {
    const { buyerId = newId(), units = 1, key = newId(), gate = this.gate } = over
    const fingerprint = over.fingerprint ?? `${sku}*${units}`
    return gate.admit({ sku, buyerId, units, key, fingerprint })
  }

  /** As {@link admit}; the id of the checkout. Fails unless it is granted. */
  async granted(sku: string, over: Parameters<StockWorld['admit']>[1] = {}): Promise<string> {
    const outcome = await this.admit(sku, over)
    assert.equal(outcome.tag, 'granted', JSON.stringify(outcome))
    return (outcome as { checkoutId: string }).checkoutId
  }

  /** Writes a command, and posts it unless `post` is false. */
  async command(
    kind: CommandKind,
    sku: string,
    options: { checkoutId?: string; units?: number; post?: boolean } = {},
  ): Promise<StockCommand> {
    const { checkoutId = null, units = null, post = true } = options
    const command = { kind, sku, id: newId(), checkoutId, units }
    await this.pool.transaction((tx) => writeCommands(tx, [command], 'a test'))
    if (post) await postStockCommand(this.gates, command)
    return command
  }

  /**
   * Resolves when so many back ends wait for a lock of another transaction: owners' unless `name`, a pattern
   * of LIKE, says otherwise.
   */
  async blocked(count: number, name = 'sluice-lane %'): Promise<void> {
    await eventually(async () => {
      const waiting = await this.pool.one(sql.typeAlias('count')`
        select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock'
          and application_name like ${name} and datname = current_database()`)
      assert.equal(waiting.count, count)
    })
  }

  /** Runs `during` while another transaction holds the SKU's ledger row: no batch of it can commit. */
  whileLocked<T>(sku: string, during: () => Promise<T>): Promise<T> {
    return this.#holding('select from ledger where sku = $1 for update', sku, during)
  }

  /** Runs `during` while another transaction holds the checkout's row: who wants it queues up behind. */
  whileCheckoutLocked<T>(id: string, during: () => Promise<T>): Promise<T> {
    return this.#holding(lockingCheckout, id, during)
  }

  async #holding<T>(lock: string, key: string, during: () => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.databaseUrl })
    client.on('error', () => {})
    await client.connect()
    try {
      await client.query('begin')
      await client.query(lock, [key])
      return await during()
    } finally {
      await client.end()
    }
  }

  /** Lets a second pass for all open commands, as far as their age is concerned. */
  async age(): Promise<void> {
    await this.pool.query(sql.typeAlias('none')`
      update stock_commands set created_at = created_at - interval '2 seconds' where done_at is null`)
  }

  async #anySeller(): Promise<string> {
    if (!this.#seller) {
      const id = newId()
      await this.pool.query(sql.typeAlias('none')`
        insert into accounts (id, email, name, role, password_hash)
        values (${id}, ${`${id}@example.com`}, 'A seller', 'seller', '-')`)
      this.#seller = id
    }
    return this.#seller
  }
}
