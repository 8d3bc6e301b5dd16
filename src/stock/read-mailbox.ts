import type { RedisClient } from '../platform/redis/client.ts'
import type { SkuState } from './decide.ts'
import { skuKeys } from './keys.ts'
import { decodeEntry, type Entry } from './messages.ts'

/** Entries of one SKU in one pass, at most; an entry holds the checkouts that one API process had waiting. */
export const entriesPerPass = 32

/** The mailbox does not go on where the ledger stands: Redis lost something, and the gate must be rebuilt. */
export class MailboxGap extends Error {
  override name = 'MailboxGap'
}

/** Reads what follows each state's cursor, all in one round trip. Throws {@link MailboxGap} on a hole. */
export async function readMailboxes(
  redis: RedisClient,
  partition: number,
  states: readonly SkuState[],
): Promise<Entry[][]> {
  if (states.length === 0) return []
  const pipeline = redis.pipeline()
  for (const { sku, generation, cursor } of states) {
    const from = `${generation}-${cursor + 1}`
    pipeline.xrange(skuKeys(partition, sku).mailbox, from, '+', 'COUNT', entriesPerPass)
  }
  const replies = (await pipeline.exec()) ?? []
  return states.map((state, i) => {
    const [error, raw] = replies[i] as [Error | null, [string, string[]][]]
    if (error) throw error
    const entries = raw.map(decodeEntry)
    let expected = state.cursor + 1
    for (const entry of entries) {
      if (entry.generation !== state.generation || entry.seq !== expected) {
        throw new MailboxGap(
          `${state.sku}: the mailbox goes on at ${entry.generation}-${entry.seq}, the ledger expects ${state.generation}-${expected}`,
        )
      }
      expected++
    }
    return entries
  })
}
