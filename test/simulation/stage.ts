/** What all processes of a story share: time, chance, the stores and the ways to them. */
import { type SeededRandom, seededRandom } from '../../src/kernel/random.ts'
import type { LedgerStore } from '../../src/stock/ports.ts'
import type { Offer, OfferSource } from '../../src/stock/protocol/offers.ts'
import { MemoryShop } from './memory-shop.ts'
import type { Mutants } from './mutants.ts'
import { type Ambush, type Link, Network } from './network.ts'
import { type Plan, storyPartitions } from './plan.ts'
import { Scheduler } from './scheduler.ts'
import { SimProcess } from './sim-process.ts'
import { LedgerTables, openRow } from './stores/ledger-tables.ts'
import { MemoryGates } from './stores/memory-gates.ts'
import { MemoryLedger } from './stores/memory-ledger.ts'
import { MemoryMailbox } from './stores/memory-mailbox.ts'
import { MemoryOwners } from './stores/memory-owners.ts'
import { MemoryRedis } from './stores/memory-redis.ts'
import { around } from './stores/verbs.ts'
import { Story } from './story.ts'

export const holdSeconds = 0.6
export const assemblySeconds = 1

export class Stage {
  readonly plan: Plan
  readonly random: SeededRandom
  readonly scheduler = new Scheduler()
  readonly story = new Story(this.scheduler)
  readonly network: Network
  readonly redis = new MemoryRedis()
  readonly tables = new LedgerTables()
  readonly gates: MemoryGates
  readonly mailbox: MemoryMailbox
  readonly owners: MemoryOwners<LedgerStore>
  readonly shop: MemoryShop
  readonly redisLink: Link = { up: true, breaks: 0 }
  readonly postgresLink: Link = { up: true, breaks: 0 }
  readonly offers = new Map<string, Offer>()
  /** Deaths that came of ambushes. */
  readonly ambushed: Ambush[] = []
  /** The share of short messages that is lost. */
  messagesLost: number
  locksHold: boolean
  #numbers = 0

  constructor(plan: Plan, mutants: Mutants) {
    this.plan = plan
    this.messagesLost = plan.messagesLost
    this.locksHold = plan.locksHold
    this.random = seededRandom(plan.seed ^ 0x5eed)
    const { scheduler, random, story, redis, tables, now } = this
    this.network = new Network({
      ...{ scheduler, random, story, ambushes: plan.ambushes },
      onAmbush: (ambush) => this.ambushed.push(ambush),
    })
    this.gates = new MemoryGates({ redis, now, mutants })
    this.mailbox = new MemoryMailbox({ redis, mutants })
    this.owners = new MemoryOwners<LedgerStore>({
      ...{ now, partitions: storyPartitions, locksHold: () => this.locksHold },
      openStore: () => new MemoryLedger({ tables, now, mutants }),
    })
    const { ids } = this
    this.shop = new MemoryShop({ tables, now, ids, holdSeconds, assemblySeconds })
    for (const { sku, partition, units, limit } of plan.skus) {
      openRow(tables, sku, partition, units)
      this.offers.set(sku, offerOf(sku, limit, 100))
    }
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => Math.floor(this.plan.startMs + this.scheduler.now)

  /** Ids that no other story event has; the tail is random, as Bloom filters take their bits from it. */
  readonly ids = (): string => {
    const number = (++this.#numbers).toString(16).padStart(8, '0')
    const tail = () => this.random.whole(0, 0xffffff).toString(16).padStart(6, '0')
    return `${number}-0000-7000-8${tail().slice(0, 3)}-${tail()}${tail()}`
  }

  process(name: string): SimProcess {
    return new SimProcess(name, this.scheduler, this.plan)
  }

  /** A store as a process sees it: through the network. */
  through<Port extends object>(owner: SimProcess, link: Link, name: string, port: Port): Port {
    return around(port, (verb, args, run) =>
      this.network.call(owner, link, `${name}.${verb}`, args, run),
    )
  }

  /** The offers as a process reads them. */
  offersFor(owner: SimProcess): OfferSource {
    return {
      offers: (skus) =>
        this.network.call(owner, this.postgresLink, 'offers.offers', [skus], async () => {
          const { offers } = this
          return new Map(
            skus.flatMap((sku): [string, Offer][] => {
              const offer = offers.get(sku)
              return offer ? [[sku, offer]] : []
            }),
          )
        }),
    }
  }
}

/** What a SKU is sold for. Its limit counts in a group of its own. */
export function offerOf(sku: string, limit: number | null, price: number): Offer {
  const pool = limit === null ? null : `limit of ${sku}`
  const terms = { price, currency: 'EUR', title: sku, sellerId: null, pool, limit }
  return { sku, terms, startsAtMs: null, endsAtMs: null, payable: null }
}

/** What the ids of a story's checkouts are made and read with. */
export const idSecret = 'the secret of a story'
