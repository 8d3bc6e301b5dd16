import type { RedisKeys } from './redis-data.ts'

/** Checkouts that stand in some mailbox. */
export function checkoutsIn(keys: RedisKeys): Set<string> {
  const found = new Set<string>()
  for (const { skus } of keys.values())
    for (const { mailbox } of skus.values())
      for (const { messages } of mailbox)
        for (const message of messages)
          if (message.kind === 'reserve') found.add(message.checkoutId)
  return found
}
