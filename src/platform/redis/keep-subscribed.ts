import type { RedisClient } from './client.ts'

/**
 * Subscribes to a pattern whenever the connection becomes ready. `onChange` hears whether messages come:
 * while it is false, some may be missed. The returned function ends it.
 */
export function keepSubscribed(
  subscriber: RedisClient,
  pattern: string,
  onChange: (live: boolean) => void,
): () => void {
  const subscribe = () => {
    subscriber.psubscribe(pattern).then(
      () => onChange(true),
      () => onChange(false),
    )
  }
  const lost = () => onChange(false)
  subscriber.on('ready', subscribe)
  subscriber.on('close', lost)
  if (subscriber.status === 'ready') subscribe()
  return () => {
    subscriber.off('ready', subscribe)
    subscriber.off('close', lost)
  }
}
