/** Counts over everything the simulator knows, by which a test can prove that nobody was charged twice. */
import { limits } from './limits.ts'
import type { PaymentIntentRecord } from './records.ts'
import type { Store } from './store.ts'

export interface Tally {
  readonly attempted: number
  /** Charges that took or set aside the buyer's money; one, unless something is wrong. */
  readonly succeeded: number
  readonly failed: number
  readonly captured: number
  readonly refunded: number
  readonly refunds: number
}

/** What happened to one PaymentIntent; amounts in minor units. */
export function tallyOf(store: Store, { charges }: PaymentIntentRecord): Tally {
  const records = charges.flatMap((id) => store.charges.get(id) ?? [])
  const count = (status: string) => records.filter((record) => record.status === status).length
  const sum = (amount: 'amountCaptured' | 'amountRefunded') =>
    records.reduce((total, record) => total + (record.captured ? record[amount] : 0), 0)
  return {
    attempted: records.length,
    succeeded: count('succeeded') + count('pending'),
    failed: count('failed'),
    captured: sum('amountCaptured'),
    refunded: sum('amountRefunded'),
    refunds: records.reduce((total, record) => total + record.refunds.length, 0),
  }
}

/**
 * Everything at once. With `by`, the name of a metadata key, PaymentIntents with the same value count
 * together: `chargedTwice` then names the values under which more than one charge succeeded.
 */
export function summarize(store: Store, by?: string): object {
  const statuses: Record<string, number> = {}
  const money: Record<string, { captured: number; refunded: number }> = {}
  const charges = { attempted: 0, succeeded: 0, failed: 0 }
  const groups = new Map<string, { charges: number; paymentIntents: string[] }>()
  for (const record of store.paymentIntents.oldestFirst()) {
    const tally = tallyOf(store, record)
    statuses[record.status] = (statuses[record.status] ?? 0) + 1
    charges.attempted += tally.attempted
    charges.succeeded += tally.succeeded
    charges.failed += tally.failed
    money[record.currency] ??= { captured: 0, refunded: 0 }
    const sums = money[record.currency]
    if (sums) sums.captured += tally.captured
    if (sums) sums.refunded += tally.refunded
    if (tally.succeeded === 0) continue
    const name = (by === undefined ? undefined : record.metadata[by]) ?? record.id
    const group = groups.get(name) ?? { charges: 0, paymentIntents: [] }
    group.charges += tally.succeeded
    group.paymentIntents.push(record.id)
    groups.set(name, group)
  }
  const chargedTwice = [...groups].filter(([, group]) => group.charges > 1)
  return {
    paymentIntents: { total: store.paymentIntents.size, ...statuses },
    charges,
    refunds: store.refunds.size,
    money,
    chargedOnce: groups.size - chargedTwice.length,
    chargedTwice: chargedTwice
      .slice(0, limits.reportedIds)
      .map(([name, group]) => ({ name, ...group })),
  }
}
