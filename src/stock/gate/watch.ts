/** Listens to the stock domain's channels. Messages only hurry things: nothing is lost without them. */
import type { Ownership } from '../../actor/ownership.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { keepSubscribed } from '../../platform/redis/keep-subscribed.ts'
import type { LocalRefusals } from './local-refusals.ts'

/** Wakes partitions whose mailboxes have something; after a reconnect, all of them. */
export function watchWakeUps(subscriber: RedisClient, ownership: Ownership): () => void {
  subscriber.on('pmessage', (_pattern: string, channel: string) => {
    if (channel.startsWith('sluice:wake:')) ownership.wake(Number(channel.slice(12)))
  })
  return keepSubscribed(subscriber, 'sluice:wake:*', (live) => live && ownership.wakeAll())
}

/** Ends local refusals when units fall free, and all of them when nobody would tell. */
export function watchFreedUnits(subscriber: RedisClient, refusals: LocalRefusals): () => void {
  subscriber.on('pmessage', (_pattern: string, channel: string, message: string) => {
    if (!channel.startsWith('sluice:freed:')) return
    const [sku, version] = message.split(' ')
    refusals.freed(sku as string, Number(version))
  })
  return keepSubscribed(subscriber, 'sluice:freed:*', (live) => {
    refusals.subscribed = live
  })
}
