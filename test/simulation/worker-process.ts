/** A worker: the real owners of partitions with their lanes, and the jobs that sweep. */
import { pino } from 'pino'
import type { Lookout } from '../../src/actor/actor.ts'
import { Ownership } from '../../src/actor/ownership.ts'
import { postStockCommands } from '../../src/stock/gate/post-commands.ts'
import type { Committed } from '../../src/stock/owner/commit-pass.ts'
import { stockActors } from '../../src/stock/owner/partition-actor.ts'
import type { GateStore, LedgerStore, Mailbox } from '../../src/stock/ports.ts'
import type { StockCommand } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import type { MemoryShop } from './memory-shop.ts'
import { storyPartitions } from './plan.ts'
import type { SimProcess } from './sim-process.ts'
import { simSessions } from './sim-session.ts'
import { SimWakes } from './sim-wakes.ts'
import { holdSeconds, type Stage } from './stage.ts'

const log = pino({ level: 'silent' })
/** How often holds and assemblies past their deadline are looked for. */
const sweepEveryMs = 600
/** How long the other parts of a checkout are waited for. */
const elsewhereMs = 10

export class WorkerProcess {
  readonly process: SimProcess
  readonly wakes: SimWakes
  readonly #gates: GateStore
  readonly #mailbox: Mailbox
  readonly #shop: MemoryShop
  readonly #ownership: Ownership<LedgerStore>

  constructor(stage: Stage, name: string) {
    const { redisLink, postgresLink, random, story } = stage
    const process = stage.process(name)
    this.process = process
    this.wakes = new SimWakes(stage, process)
    this.#gates = stage.through(process, redisLink, 'gates', stage.gates)
    this.#mailbox = stage.through(process, redisLink, 'mailbox', stage.mailbox)
    this.#shop = stage.through(process, postgresLink, 'shop', stage.shop)
    const workerId = stage.ids()
    const registry = stage.owners.registry(workerId)
    const { clock } = process
    const ownership: Ownership<LedgerStore> = new Ownership({
      ...{ clock, random: random.next, log, lanes: 2, partitions: storyPartitions.length },
      sessions: simSessions(stage, process, workerId),
      registry: stage.through(process, postgresLink, 'registry', registry),
      lookout: this.#lookout(),
      factory: stockActors({
        ...{ gates: this.#gates, mailbox: this.#mailbox, offers: stage.offersFor(process) },
        ...{ holdSeconds, now: clock.now, monotonic: clock.monotonic, random: random.next },
        warn: (message) => story.note(name, message),
        onCommitted: (_, committed) => this.#decideSoon(committed),
        wake: (partition) => ownership.wake(partition),
      }),
    })
    this.wakes.onWake({
      wake: (partition) => ownership.wake(partition),
      missed: () => ownership.wakeAll(),
    })
    this.#ownership = ownership
    ownership.start()
    void this.#sweepForEver()
  }

  /** As on SIGTERM: hands its partitions over, and ends. */
  stop(): void {
    void this.#ownership.stop().then(() => this.process.die())
  }

  /** As src/stock/owner/lookout.ts, which reads Redis past the ports. */
  #lookout(): Lookout {
    const look = async (partition: number) => {
      const [state, { ready, wanted }] = await Promise.all([
        this.#gates.look(partition),
        this.#mailbox.waiting(partition),
      ])
      return { partition, state, skus: [...ready, ...wanted] }
    }
    return {
      look: async (partitions) => {
        const [seen, known] = await Promise.all([
          Promise.all(partitions.map(look)),
          this.#shop.openWork(partitions),
        ])
        const amiss = known.filter(({ partition, generation, runId, overdue }) => {
          const state = seen.find((each) => each.partition === partition)?.state
          const agrees =
            state?.open &&
            state.sameServer &&
            state.runId === runId &&
            state.generation === generation
          return overdue || !agrees
        })
        return {
          waiting: [...new Set(seen.flatMap(({ skus }) => skus.map(partitionOf)))],
          amiss: amiss.map(({ partition }) => partition),
        }
      },
    }
  }

  /** What follows a commit for checkouts over several SKUs; what is missed here, a sweep finds. */
  #decideSoon({ decisions }: Committed): void {
    const parts = decisions.flatMap(({ reserved }) => reserved.filter(({ key }) => key === null))
    const rejected = decisions.flatMap((decision) => decision.rejected)
    const broken = rejected.map(({ reserve }) => reserve).filter(({ key }) => key === null)
    const idsOf = (reserves: typeof parts) => [...new Set(reserves.map((each) => each.checkoutId))]
    if (broken.length > 0)
      void this.#shop
        .giveUp(idsOf(broken), 'refused')
        .then(this.#post)
        .catch(() => {})
    if (parts.length === 0) return
    this.process.clock.after(elsewhereMs, () => {
      void this.#shop.decide(idsOf(parts)).catch(() => {})
    })
  }

  async #sweepForEver(): Promise<void> {
    for (;;) {
      await this.process.clock.sleep(sweepEveryMs)
      await this.#sweep().catch(() => {})
    }
  }

  async #sweep(): Promise<void> {
    await this.#post(await this.#shop.expire())
    const overdue = await this.#shop.overdue()
    if (overdue.length > 0) {
      await this.#shop.decide(overdue)
      await this.#post(await this.#shop.giveUp(overdue, 'overdue'))
    }
    await this.#post(await this.#shop.finishLate())
  }

  readonly #post = async (commands: readonly StockCommand[]): Promise<void> => {
    if (commands.length > 0) await postStockCommands(this.#gates, commands).catch(() => {})
  }
}
