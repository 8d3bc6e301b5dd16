/** What all processes of a story about money share: time, chance, PostgreSQL, the provider, and the ways to them. */
import { pino } from 'pino'
import { Leases } from '../../../src/flows/pay/leases.ts'
import type { MoneyStore } from '../../../src/flows/pay/money/store.ts'
import type { MoneyDeps } from '../../../src/flows/pay/money-deps.ts'
import { ProviderAccess } from '../../../src/flows/pay/provider-access.ts'
import { type SeededRandom, seededRandom } from '../../../src/kernel/random.ts'
import type { CallBudget } from '../../../src/payments/budget/budget.ts'
import { cancelTopic } from '../../../src/platform/outbox.ts'
import { type Ambush, type Link, Network } from '../network.ts'
import { Scheduler } from '../scheduler.ts'
import { SimProcess } from '../sim-process.ts'
import { MemoryMoney } from '../stores/memory-money.ts'
import { type MoneyCommand, MoneyTables, type ToldRow } from '../stores/money-tables.ts'
import { around } from '../stores/verbs.ts'
import { Story } from '../story.ts'
import { eventOf, isTold, type SimEvent } from './events.ts'
import { LeaseWatch } from './lease-watch.ts'
import { MemoryRelay, type RelayRow } from './memory-relay.ts'
import type { MoneyMutants } from './money-mutants.ts'
import { type MoneyPlan, sellers } from './money-plan.ts'
import { MoneyShop } from './money-shop.ts'
import { Provider } from './provider.ts'
import type { Happening } from './provider-words.ts'
import { simGateway } from './sim-gateway.ts'

export interface InboxRow extends RelayRow {
  readonly event: SimEvent
}

const log = pino({ level: 'silent' })
export const skus = ['MUG', 'CUP'] as const
const sellerOf: Readonly<Record<string, string>> = { MUG: sellers[0], CUP: sellers[1] }
export const price = 700
/** Days are half minutes, for what is asked for again after days. */
const haste = 3_000

export class MoneyStage {
  readonly plan: MoneyPlan
  readonly mutants: MoneyMutants
  readonly random: SeededRandom
  readonly scheduler = new Scheduler()
  readonly story = new Story(this.scheduler)
  readonly network: Network
  readonly tables: MoneyTables
  readonly store: MemoryMoney
  readonly provider: Provider
  readonly shop: MoneyShop
  readonly inbox = new Map<string, InboxRow>()
  readonly postgres: Link = { up: true, breaks: 0 }
  readonly stripe: Link = { up: true, breaks: 0 }
  readonly ambushed: Ambush[] = []
  readonly watch = new LeaseWatch(this)
  /** Checkouts that somebody has heard no answer about, as the provider was away. */
  readonly unanswered = new Set<string>()
  /** Requests that may still reach the provider. */
  strays = 0
  strayChance: number
  #numbers = 0
  #calls = 0
  #callsAtMs = 0

  constructor(plan: MoneyPlan, mutants: MoneyMutants) {
    this.plan = plan
    this.mutants = mutants
    this.strayChance = plan.strayChance
    this.random = seededRandom(plan.seed ^ 0x5eed)
    const { scheduler, random, story, now, ids } = this
    this.network = new Network({
      ...{ scheduler, random, story, ambushes: plan.ambushes },
      onAmbush: (ambush) => this.ambushed.push(ambush),
    })
    const onCommand = (command: MoneyCommand) => this.#post(command)
    this.tables = new MoneyTables({ ids, now, onCommand, haste, mutants })
    this.store = new MemoryMoney(this.tables, mutants, this.watch)
    this.shop = new MoneyShop(this.tables, this.store)
    this.provider = new Provider({
      ...{ scheduler, random, story, now, lateFailures: plan.lateFailures },
      onHappening: (happening) => this.#tell(happening),
    })
    for (const [i, sku] of skus.entries()) {
      const onHand = plan.units[i] ?? 1
      this.tables.units.set(sku, { onHand, free: onHand })
    }
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => Math.floor(this.plan.startMs + this.scheduler.now)

  readonly ids = (): string => {
    this.#numbers += 1
    return `00000000-0000-7000-8000-${this.#numbers.toString(16).padStart(12, '0')}`
  }

  /** Nothing has kept anybody from renewing a lease: no storm, no outage, no process that stands still. */
  get undisturbed(): boolean {
    const { weather, accidents } = this.plan
    const kept = ['postgres is away', 'a process stands still']
    return (
      weather.slowChance === 0 && !accidents.some(({ accident }) => kept.includes(accident.what))
    )
  }

  process(name: string): SimProcess {
    return new SimProcess(name, this.scheduler, this.plan)
  }

  /** A port as a process sees it: through the network. */
  through<Port extends object>(owner: SimProcess, name: string, port: Port): Port {
    return around(port, (verb, args, run) =>
      this.network.call(owner, this.postgres, `${name}.${verb}`, args, run),
    )
  }

  /** What one process moves money with. */
  moneyOf(owner: SimProcess): MoneyDeps {
    const { clock } = owner
    const store: MoneyStore = this.through(owner, 'money', this.store)
    const gateway = simGateway(this, owner)
    const { plan, random } = this
    return {
      store,
      pool: noPool,
      gateway,
      strategy: {
        post: async (commands) => {
          if (commands.length === 0) return
          const posted = async () => {}
          await this.network.call(owner, this.stripe, 'gates.post', [], posted).catch(posted)
        },
      },
      leases: new Leases({ store, clock, log }),
      access: new ProviderAccess({ gateway, clock, log }),
      ...{ clock, random: random.next, log },
      ...{ declinesMax: plan.declinesMax, outage: plan.outage },
    }
  }

  outboxRows = (): Iterable<[string, ToldRow]> =>
    [...this.tables.told].filter(([, { topic }]) => topic === cancelTopic)

  outboxOf(owner: SimProcess): MemoryRelay<ToldRow> {
    return this.through(owner, 'outbox', new MemoryRelay(this.outboxRows, this.now))
  }

  inboxOf(owner: SimProcess): MemoryRelay<InboxRow> {
    return this.through(owner, 'inbox', new MemoryRelay(() => this.inbox, this.now))
  }

  /** Units are held without a gate: whoever comes first has them. */
  reserve(buyerId: string, wanted: readonly string[], quantity: number): string | null {
    const { units, orders, lines } = this.tables
    if (wanted.some((sku) => (units.get(sku)?.free ?? 0) < quantity)) return null
    const id = this.ids()
    for (const sku of wanted)
      Object.assign(units.get(sku) ?? {}, { free: (units.get(sku)?.free ?? 0) - quantity })
    orders.set(id, {
      ...{ id, buyerId, placed: true, state: 'reserved', outcome: null, reason: null },
      ...{ total: price * wanted.length * quantity, currency: 'EUR' },
      expiresAtMs: this.now() + this.plan.holdSeconds * 1_000,
    })
    lines.set(
      id,
      wanted.map((sku) => ({
        ...{ orderId: id, sku, quantity, units: quantity, stock: 'held', unitPrice: price },
        sellerId: sellerOf[sku] ?? null,
      })),
    )
    this.story.note('world', 'reserves', id, wanted)
    return id
  }

  /** Calls that the provider allows, counted for all processes together. */
  get budget(): CallBudget {
    const { callsPerSecond } = this.plan
    const rate = callsPerSecond ?? Number.POSITIVE_INFINITY
    return {
      limited: callsPerSecond !== null,
      take: async () => true,
      takeSome: async (_, wanted) => {
        const passed = this.scheduler.now - this.#callsAtMs
        this.#callsAtMs = this.scheduler.now
        this.#calls = Math.min(3, this.#calls + (passed * rate) / 1_000)
        const granted = callsPerSecond === null ? wanted : Math.min(wanted, Math.floor(this.#calls))
        this.#calls -= granted
        return { granted, againMs: granted < wanted ? 1_000 : 1 }
      },
      throttled: () => {},
      rate: () => rate,
    }
  }

  #post(command: MoneyCommand): void {
    this.scheduler.plan(this.random.next() * this.plan.ownersMs, () =>
      this.tables.carryOut(command),
    )
  }

  #tell(happening: Happening): void {
    const event = eventOf(this.ids(), happening)
    if (!event) return
    const { eventsLost, eventsRepeated, eventsLateMs } = this.plan
    const lost = this.random.chance(eventsLost) && !isTold(happening)
    const times = lost ? 0 : this.random.chance(eventsRepeated) ? 2 : 1
    for (let i = 0; i < times; i++) this.#deliver(event, this.random.next() * eventsLateMs)
  }

  #deliver(event: SimEvent, inMs: number): void {
    this.strays += 1
    this.scheduler.plan(inMs, () => {
      this.strays -= 1
      if (!this.postgres.up) return this.#deliver(event, 5_000)
      if (this.inbox.has(event.id)) return
      this.story.note('inbox', event.type, event.data.object)
      this.inbox.set(event.id, { event, state: 'open', attempts: 0, dueAtMs: this.now() })
    })
  }
}

/** Nothing that is simulated reads PostgreSQL past the store. */
const noPool = new Proxy(Object.create(null), {
  get() {
    throw new Error('the money of a story has no pool')
  },
})
