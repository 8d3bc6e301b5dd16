/**
 * Jobs that finish what was begun: each may run at any time, twice, and on several workers at once.
 */
import { finishReclaim } from './late-money.ts'
import type { MoneyDeps } from './money-deps.ts'
import { pursuePayment } from './pursue.ts'

/** Of one run; the next goes on. */
const perRun = 200
const parallel = 4
/** Whoever began to take units again has this long to finish. Seconds. */
const reclaimSeconds = 15

/**
 * For a job, every 5 seconds: asks the provider about attempts whose lease is over, up to 200: lost
 * replies, lost events, processes that died. Returns how many. What fails is logged and tried
 * again; rejects only when PostgreSQL is away.
 */
export async function reconcilePayments(deps: MoneyDeps): Promise<number> {
  let total = 0
  // Few at a time: a lease must outlast the wait for its turn.
  while (total < perRun) {
    const open = await deps.store.takeOverdue(parallel)
    await each(deps, open, (attempt) => pursuePayment(deps, attempt))
    total += open.length
    if (open.length < parallel) break
  }
  return total
}

/**
 * For a job, every 5 seconds: decides about late money, up to 200 checkouts, whose units were being
 * taken again when somebody crashed, or whose owners were slow. Returns how many. What fails is
 * logged and tried again; rejects only when PostgreSQL is away.
 */
export async function resumeReclaims(
  deps: MoneyDeps,
  olderThanSeconds: number = reclaimSeconds,
): Promise<number> {
  const open = await deps.store.overdueReclaims(olderThanSeconds, perRun)
  for (let i = 0; i < open.length; i += parallel) {
    const some = open.slice(i, i + parallel).map((checkoutId) => ({ checkoutId }))
    await each(deps, some, ({ checkoutId }) => finishReclaim(deps, checkoutId, 0))
  }
  return open.length
}

/** One that fails must not hold up the others: it is found again at the next run. */
async function each<T extends { readonly checkoutId: string }>(
  { log }: MoneyDeps,
  rows: readonly T[],
  run: (row: T) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    rows.map((row) =>
      run(row).catch((error: unknown) => {
        log.warn(
          { err: error, checkoutId: row.checkoutId },
          'a payment could not be resumed; a later run tries it again',
        )
      }),
    ),
  )
}
