/** Messages of one process over the channels of a Redis in memory: each comes a moment later, and none is lost. */
import type { FreedListener, WakeListener, Wakes } from '../../../src/stock/ports.ts'
import type { MemoryRedis } from './memory-redis.ts'

const ignore = () => {}

export class MemoryWakes implements Wakes {
  readonly #redis: MemoryRedis
  readonly #heard = new Set<number>()

  constructor(redis: MemoryRedis) {
    this.#redis = redis
  }

  onWake(listener: WakeListener): () => void {
    queueMicrotask(() => listener.missed())
    const wake = (partition: number, sku: string) => {
      queueMicrotask(() => listener.wake(partition, sku))
    }
    return this.#redis.listen({ wake, freed: ignore, results: ignore })
  }

  onFreed(listener: FreedListener): () => void {
    queueMicrotask(() => listener.live(true))
    const freed = (sku: string, version: number) => {
      queueMicrotask(() => listener.freed(sku, version))
    }
    return this.#redis.listen({ wake: ignore, freed, results: ignore })
  }

  publishResults(partition: number, words: string): void {
    for (const listener of this.#redis.listeners) listener.results(partition, words)
  }

  onResults(hear: (words: string) => void): () => void {
    const results = (partition: number, words: string) => {
      if (this.#heard.has(partition)) queueMicrotask(() => hear(words))
    }
    return this.#redis.listen({ wake: ignore, freed: ignore, results })
  }

  async listenToResults(partition: number): Promise<void> {
    this.#heard.add(partition)
  }

  leaveResults(partition: number): void {
    this.#heard.delete(partition)
  }
}
