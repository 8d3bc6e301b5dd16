/** The owner's side of the mailboxes in memory, as plain Redis commands would answer. */
import type { Mailbox, Place, Waiting } from '../../../src/stock/ports.ts'
import type { Entry } from '../../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import type { Mutants } from '../mutants.ts'
import type { MemoryRedis } from './memory-redis.ts'
import { partitionIn } from './redis-data.ts'

export class MemoryMailbox implements Mailbox {
  readonly #redis: MemoryRedis
  readonly #mutants: Mutants

  constructor({ redis, mutants = {} }: { redis: MemoryRedis; mutants?: Mutants }) {
    this.#redis = redis
    this.#mutants = mutants
  }

  async waiting(partition: number): Promise<Waiting> {
    const { ready, wanted } = this.#partition(partition)
    return { ready: [...ready], wanted: [...wanted] }
  }

  async read(partition: number, places: readonly Place[], countMax: number): Promise<Entry[][]> {
    const { skus, state } = this.#partition(partition)
    if (this.#mutants.closedMailboxesEmpty && !state?.open) return places.map(() => [])
    return places.map(({ sku, generation, cursor }) => {
      const entries = skus.get(sku)?.mailbox ?? []
      return entries.filter((entry) => isAfter(entry, generation, cursor)).slice(0, countMax)
    })
  }

  async forgetReady(partition: number, skus: readonly string[]): Promise<void> {
    for (const sku of skus) this.#partition(partition).ready.delete(sku)
  }

  async forgetWanted(partition: number, skus: readonly string[]): Promise<void> {
    for (const sku of skus) this.#partition(partition).wanted.delete(sku)
  }

  async hasGate(sku: string, generation: number): Promise<boolean> {
    return this.#partition(partitionOf(sku)).skus.get(sku)?.gate?.generation === generation
  }

  #partition(partition: number) {
    return partitionIn(this.#redis.keys, partition)
  }
}

/** The order of a stream's ids: by generation, then by number. */
const isAfter = (entry: Entry, generation: number, cursor: number): boolean =>
  entry.generation > generation || (entry.generation === generation && entry.seq > cursor)
