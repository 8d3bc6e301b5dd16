/**
 * Every hold ends: what is not paid by its deadline is given back, at the latest one sweep later.
 */
import type { MoneyDeps } from './money-deps.ts'

/** Checkouts of one transaction; the sweep goes on until none is due. */
const perTransaction = 2_000
const transactionsPerSweep = 500

/**
 * For a job, every SWEEP_SECONDS: expires every checkout whose deadline has passed by PostgreSQL's
 * clock; returns how many. One whose payment waits for its turn, or is driven by somebody, is spared
 * for up to an hour; one that waits for its buyer to authenticate is not: what is paid later is late
 * money. Rejects when PostgreSQL is away; the next sweep goes on.
 */
export async function expireHolds({
  store,
  strategy,
}: Pick<MoneyDeps, 'store' | 'strategy'>): Promise<number> {
  let total = 0
  for (let i = 0; i < transactionsPerSweep; i++) {
    const { count, commands } = await store.expireDue(perTransaction)
    await strategy.post(commands)
    total += count
    if (count < perTransaction) break
  }
  return total
}
