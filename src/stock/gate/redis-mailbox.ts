/** The mailboxes in Redis: a stream for each SKU, and two sets for each partition. */
import type { RedisClient } from '../../platform/redis/client.ts'
import type { Mailbox, Place, Waiting } from '../ports.ts'
import { partitionKeys, skuKeys } from '../protocol/keys.ts'
import { type Delivered, decodeEntry, type StreamEntry } from '../protocol/messages.ts'
import { partitionOf } from '../protocol/partition.ts'

/**
 * The owner's view of the mailboxes, over a connection of the purpose `patient`. Rejects with the
 * client's error when Redis is away.
 */
export class RedisMailbox implements Mailbox {
  readonly #redis: RedisClient
  readonly #decode: typeof decodeEntry

  /** `decode` is what this release reads entries with; a test plays another release. */
  constructor(redis: RedisClient, decode = decodeEntry) {
    this.#redis = redis
    this.#decode = decode
  }

  async waiting(partition: number): Promise<Waiting> {
    const keys = partitionKeys(partition)
    const [ready, wanted] = await Promise.all([
      this.#redis.smembers(keys.ready),
      this.#redis.smembers(keys.wanted),
    ])
    return { ready, wanted }
  }

  /** @throws AssertionError when an entry is not of the gate's making. */
  async read(
    partition: number,
    places: readonly Place[],
    countMax: number,
  ): Promise<Delivered[][]> {
    if (places.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const { sku, generation, cursor } of places) {
      const from = `${generation}-${cursor + 1}`
      pipeline.xrange(skuKeys(partition, sku).mailbox, from, '+', 'COUNT', countMax)
    }
    const replies = (await pipeline.exec()) ?? []
    return places.map((_, i) => {
      const [error, entries] = replies[i] as [Error | null, StreamEntry[]]
      if (error) throw error
      return entries.map(this.#decode)
    })
  }

  async forgetReady(partition: number, skus: readonly string[]): Promise<void> {
    if (skus.length > 0) await this.#redis.srem(partitionKeys(partition).ready, ...skus)
  }

  async forgetWanted(partition: number, skus: readonly string[]): Promise<void> {
    if (skus.length > 0) await this.#redis.srem(partitionKeys(partition).wanted, ...skus)
  }

  async hasGate(sku: string, generation: number): Promise<boolean> {
    const { gate } = skuKeys(partitionOf(sku), sku)
    return Number(await this.#redis.hget(gate, 'generation')) === generation
  }
}
