/**
 * Hints that rows may have been written which a relay waits for. A hint makes relays look often for a while, so that it
 * may come before the rows are committed; without one they look once a second, so that one may be lost.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../redis/client.ts'
import { keepSubscribed } from '../redis/keep-subscribed.ts'

/** Hints of one process are this far apart at least; relays look often for longer. */
const apartMs = 500
const channel = 'sluice:work'

/** The hints of one process: a pool gives them, relays and publishers hear them. */
export class WorkHints {
  readonly #clock: Clock
  readonly #writes: RegExp
  readonly #listeners = new Set<() => void>()
  #quietUntil = Number.NEGATIVE_INFINITY

  /** `writes` matches the statements after which there may be work. */
  constructor(deps: { readonly clock: Clock; readonly writes: RegExp }) {
    this.#clock = deps.clock
    this.#writes = deps.writes
  }

  /** Hears of every statement that a pool has executed; handed to the pool. */
  readonly executed = (statement: string): void => {
    const now = this.#clock.monotonic()
    if (now < this.#quietUntil || !this.#writes.test(statement)) return
    this.#quietUntil = now + apartMs
    this.hint()
  }

  /** Tells everybody who listens. */
  hint(): void {
    for (const listener of this.#listeners) listener()
  }

  /** `listener` hears every hint; the returned function ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Passes hints on to other processes; one that cannot be sent is lost. The returned function ends it. */
export function publishHints(hints: WorkHints, redis: RedisClient): () => void {
  return hints.listen(() => {
    redis.publish(channel, '').catch(() => {})
  })
}

/** Hears the hints of other processes. `subscriber` is a connection of that purpose. */
export function receiveHints(hints: WorkHints, subscriber: RedisClient): () => void {
  const onMessage = (_pattern: string, from: string) => {
    if (from === channel) hints.hint()
  }
  subscriber.on('pmessage', onMessage)
  const end = keepSubscribed(subscriber, channel, () => {})
  return () => {
    subscriber.off('pmessage', onMessage)
    end()
  }
}
