/** One Redis process in memory: its keys, its run id, and who listens to its channels. */
import { copyOf, type RedisKeys } from './redis-data.ts'

/** What a restart leaves of the keys. */
export type Restart = 'as it was' | 'empty' | { readonly older: RedisKeys }

/** Hears what is published, in the order of publishing. */
export interface ChannelListener {
  wake(partition: number, sku: string): void
  freed(sku: string, version: number): void
  results(partition: number, words: string): void
}

export class MemoryRedis {
  keys: RedisKeys = new Map()
  #run = 1
  readonly listeners = new Set<ChannelListener>()

  /** Another one after every start: what was built on an earlier one is not believed. */
  get runId(): string {
    return `run${this.#run}`
  }

  /** What it returns ends the listening. */
  listen(listener: ChannelListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** What a backup would hold. */
  snapshot(): RedisKeys {
    return copyOf(this.keys)
  }

  restart(leaves: Restart): void {
    this.#run += 1
    if (leaves === 'empty') this.keys = new Map()
    else if (leaves !== 'as it was') this.keys = copyOf(leaves.older)
  }
}
