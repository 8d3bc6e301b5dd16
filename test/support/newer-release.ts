/** Plays the release after this one: its API processes write entries of version 2, and its workers read them. */
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { skuKeys } from '../../src/stock/protocol/keys.ts'
import { decodeEntry, type StreamEntry } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'

/** What the newer release writes instead: no reader of version 1 makes sense of it. */
function newer([id, fields]: StreamEntry): StreamEntry {
  const changed = [...fields]
  const body = changed.indexOf('b') + 1
  changed[body] = JSON.stringify({ list: JSON.parse(changed[body] ?? '') })
  return [id, ['v', '2', ...changed]]
}

/** What workers of the newer release read mailboxes with. */
export const decodeNewer: typeof decodeEntry = ([id, fields]) => {
  if (fields[0] !== 'v') return decodeEntry([id, fields])
  const plain = fields.slice(2)
  const body = plain.indexOf('b') + 1
  plain[body] = JSON.stringify(JSON.parse(plain[body] ?? '').list)
  return decodeEntry([id, plain])
}

/** Turns the last `count` entries of a mailbox into what API processes of the newer release had written. */
export async function writtenByNewer(redis: RedisClient, sku: string, count = 1): Promise<void> {
  const { mailbox } = skuKeys(partitionOf(sku), sku)
  const entries: StreamEntry[] = await redis.xrange(mailbox, '-', '+')
  const from = entries.length - count
  const all = redis.multi().del(mailbox)
  for (const [i, entry] of entries.entries()) {
    const [id, fields] = i < from ? entry : newer(entry)
    all.xadd(mailbox, id, ...fields)
  }
  await all.exec()
}
