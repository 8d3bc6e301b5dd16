/** Short messages over Redis's publish and subscribe. */
import type { RedisClient } from '../../platform/redis/client.ts'
import { keepSubscribed } from '../../platform/redis/keep-subscribed.ts'
import type { FreedListener, WakeListener, Wakes } from '../ports.ts'
import { channelPrefixes, channels } from '../protocol/keys.ts'
import { isPartition } from '../protocol/partition.ts'

/** The connections of one API process or worker. */
export interface RedisWakesDeps {
  /** A connection of the purpose `subscriber`. */
  readonly subscriber: RedisClient
  /** What results are published over; any other connection. */
  readonly publisher: RedisClient
}

/**
 * The messages of one process: workers hear wake-ups and publish results, API processes hear
 * results and what fell free. Messages may be lost. Only `listenToResults` rejects, when Redis is
 * away.
 */
export class RedisWakes implements Wakes {
  readonly #deps: RedisWakesDeps

  constructor(deps: RedisWakesDeps) {
    this.#deps = deps
  }

  /** After a reconnect, messages may have been missed. */
  onWake(listener: WakeListener): () => void {
    return this.#onPattern(
      channelPrefixes.wake,
      (channel, sku) => {
        const partition = Number(channel.slice(channelPrefixes.wake.length))
        // A newer release may have others: they are its own.
        if (isPartition(partition)) listener.wake(partition, sku)
      },
      (live) => live && listener.missed(),
    )
  }

  onFreed(listener: FreedListener): () => void {
    return this.#onPattern(
      channelPrefixes.freed,
      (_channel, message) => {
        const [sku, version] = message.split(' ')
        if (Number.isSafeInteger(Number(version))) listener.freed(sku as string, Number(version))
      },
      (live) => listener.live(live),
    )
  }

  publishResults(partition: number, words: string): void {
    this.#deps.publisher.publish(channels.results(partition), words).catch(() => {})
  }

  onResults(hear: (words: string) => void): () => void {
    const { subscriber } = this.#deps
    const listen = (channel: string, message: string) => {
      if (channel.startsWith(channelPrefixes.results)) hear(message)
    }
    subscriber.on('message', listen)
    return () => subscriber.off('message', listen)
  }

  async listenToResults(partition: number): Promise<void> {
    await this.#deps.subscriber.subscribe(channels.results(partition))
  }

  leaveResults(partition: number): void {
    this.#deps.subscriber.unsubscribe(channels.results(partition)).catch(() => {})
  }

  #onPattern(
    prefix: string,
    hear: (channel: string, message: string) => void,
    onChange: (live: boolean) => void,
  ): () => void {
    const { subscriber } = this.#deps
    const listen = (_pattern: string, channel: string, message: string) => {
      if (channel.startsWith(prefix)) hear(channel, message)
    }
    subscriber.on('pmessage', listen)
    const leave = keepSubscribed(subscriber, `${prefix}*`, onChange)
    return () => {
      subscriber.off('pmessage', listen)
      leave()
    }
  }
}
