import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../../platform/redis/client.ts'

const limits = {
  /** Keys that one process remembers in a window; beyond it the oldest is forgotten. */
  entries: 100_000,
  /** Counts wait this long before they travel, so that many share one round trip. */
  flushMs: 100,
  /** Keys in one round trip. */
  flushKeys: 1_000,
  /** A count travels when it grew by this part of its limit: one call of 600 is not worth a command. */
  sharedPart: 20,
} as const

interface Counter {
  /** What all processes had counted when we last heard, ours included. */
  shared: number
  /** What we counted and did not tell yet. */
  pending: number
}

export interface SharedCountersDeps {
  readonly redis: RedisClient
  readonly clock: Clock
  readonly windowMs: number
}

/**
 * Counters of a fixed window that answer from memory and agree over Redis afterwards. Two processes can
 * together let a twentieth of a limit through unseen, and 100 ms worth of calls; in return no request
 * waits for Redis, and none fails without it.
 */
export class SharedCounters {
  readonly #deps: SharedCountersDeps
  #window = -1
  #counters = new Map<string, Counter>()
  /** Keys whose counts are to travel. */
  #untold = new Set<string>()
  #busy = false

  constructor(deps: SharedCountersDeps) {
    this.#deps = deps
  }

  /** Counts one more under `key` in the present window and returns the count that is known here. */
  hit(key: string, max: number): number {
    this.#turn()
    const counter = this.#counterOf(key)
    const count = counter.shared + counter.pending
    // Beyond the limit nothing is counted: a flood of refusals costs Redis nothing.
    if (count > max) return count
    counter.pending += 1
    if (counter.pending * limits.sharedPart >= max) {
      this.#untold.add(key)
      this.#schedule()
    }
    return count + 1
  }

  /** Takes one back that was counted under `key` at `at`, by the clock's `now`; nothing, when that window is over. */
  forgive(key: string, at: number): void {
    this.#turn()
    const counter = this.#counters.get(key)
    if (!counter || Math.floor(at / this.#deps.windowMs) !== this.#window) return
    counter.pending -= 1
    if (counter.pending >= 0) return
    this.#untold.add(key)
    this.#schedule()
  }

  #turn(): void {
    const { clock, windowMs } = this.#deps
    const present = Math.floor(clock.now() / windowMs)
    if (present === this.#window) return
    this.#window = present
    this.#counters = new Map()
    this.#untold = new Set()
  }

  #counterOf(key: string): Counter {
    const known = this.#counters.get(key)
    if (known) return known
    if (this.#counters.size >= limits.entries) {
      for (const oldest of this.#counters.keys()) {
        this.#counters.delete(oldest)
        break
      }
    }
    const fresh = { shared: 0, pending: 0 }
    this.#counters.set(key, fresh)
    return fresh
  }

  #schedule(): void {
    if (this.#busy) return
    this.#busy = true
    this.#deps.clock.after(limits.flushMs, () => {
      this.#flush().then(
        () => {
          this.#busy = false
          if (this.#untold.size > 0) this.#schedule()
        },
        () => {
          // Redis is away: the counts stay pending and travel with a later call.
          this.#busy = false
        },
      )
    })
  }

  async #flush(): Promise<void> {
    const { redis, windowMs } = this.#deps
    const batch: { counter: Counter; sent: number }[] = []
    const pipeline = redis.pipeline()
    for (const key of this.#untold) {
      if (batch.length >= limits.flushKeys) break
      this.#untold.delete(key)
      const counter = this.#counters.get(key)
      if (!counter) continue
      // One hash tag for all of them: a pipeline has to stay in one slot of a cluster.
      const name = `{rate}:${this.#window}:${key}`
      pipeline.incrby(name, counter.pending)
      pipeline.pexpire(name, windowMs * 2)
      batch.push({ counter, sent: counter.pending })
    }
    if (batch.length === 0) return
    const replies = (await pipeline.exec()) ?? []
    batch.forEach(({ counter, sent }, index) => {
      const [error, total] = replies[index * 2] ?? []
      if (error || typeof total !== 'number') return
      counter.shared = total
      counter.pending -= sent
    })
  }
}
