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

export interface SharedCounters {
  /** Counts one more under `key` in the present window and returns the count that is known here. */
  hit(key: string, max: number): number
  /** Takes one back that was counted under `key` at `at`, by the clock's `now`; nothing, when that window is over. */
  forgive(key: string, at: number): void
}

/**
 * Counters of a fixed window that answer from memory and agree over Redis afterwards. Two processes can
 * together let a twentieth of a limit through unseen, and 100 ms worth of calls; in return no request
 * waits for Redis, and none fails without it.
 */
export function createSharedCounters(deps: {
  readonly redis: RedisClient
  readonly clock: Clock
  readonly windowMs: number
}): SharedCounters {
  const { redis, clock, windowMs } = deps
  let window = -1
  let counters = new Map<string, Counter>()
  let untold = new Set<string>()
  let busy = false

  const turn = () => {
    const present = Math.floor(clock.now() / windowMs)
    if (present === window) return
    window = present
    counters = new Map()
    untold = new Set()
  }

  const counterOf = (key: string): Counter => {
    const known = counters.get(key)
    if (known) return known
    if (counters.size >= limits.entries) {
      for (const oldest of counters.keys()) {
        counters.delete(oldest)
        break
      }
    }
    const fresh = { shared: 0, pending: 0 }
    counters.set(key, fresh)
    return fresh
  }

  const schedule = () => {
    if (busy) return
    busy = true
    clock.after(limits.flushMs, () => {
      flush().then(
        () => {
          busy = false
          if (untold.size > 0) schedule()
        },
        () => {
          // Redis is away: the counts stay pending and travel with a later call.
          busy = false
        },
      )
    })
  }

  const flush = async () => {
    const batch: { counter: Counter; sent: number }[] = []
    const pipeline = redis.pipeline()
    for (const key of untold) {
      if (batch.length >= limits.flushKeys) break
      untold.delete(key)
      const counter = counters.get(key)
      if (!counter) continue
      // One hash tag for all of them: a pipeline has to stay in one slot of a cluster.
      const name = `{rate}:${window}:${key}`
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

  return {
    hit: (key, max) => {
      turn()
      const counter = counterOf(key)
      const count = counter.shared + counter.pending
      // Beyond the limit nothing is counted: a flood of refusals costs Redis nothing.
      if (count > max) return count
      counter.pending += 1
      if (counter.pending * limits.sharedPart >= max) {
        untold.add(key)
        schedule()
      }
      return count + 1
    },
    forgive: (key, at) => {
      turn()
      const counter = counters.get(key)
      if (!counter || Math.floor(at / windowMs) !== window) return
      counter.pending -= 1
      if (counter.pending >= 0) return
      untold.add(key)
      schedule()
    },
  }
}
