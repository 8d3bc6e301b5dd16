/**
 * Jobs that finish what was begun: each may run at any time, twice, and on several workers at once.
 */
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'
import { finishReclaim } from './late-money.ts'
import type { MoneyDeps } from './money-deps.ts'
import { pursuePayment } from './pursue.ts'

/** Of one run; the next goes on. */
const perRun = 200
const parallel = 4
/**
 * An attempt that is younger has somebody who waits for its answer; jobs and other requests leave
 * it alone. Seconds.
 */
export const settleAfterSeconds = 15
/** How long until the provider is asked about the same attempt again. Seconds. */
const askAgainSeconds = 30

const IdRow = z.object({ id: z.string() })

/**
 * For a job, every 5 seconds: asks the provider about attempts without a verdict, up to 200: lost
 * replies, lost events, processes that died. Returns how many. What fails is logged and tried
 * again; rejects only when PostgreSQL is away.
 */
export async function reconcilePayments(
  deps: MoneyDeps,
  olderThanSeconds: number = settleAfterSeconds,
): Promise<number> {
  const open = await deps.pool.any(sql.type(IdRow)`
    update payment_attempts set asked_at = now()
     where (checkout_id, attempt) in (
       select checkout_id, attempt from payment_attempts
        where state in ('pending', 'requires_action')
          and created_at <= now() - make_interval(secs => ${olderThanSeconds})
          and (asked_at is null
            or asked_at <= now() - make_interval(secs => ${Math.min(askAgainSeconds, olderThanSeconds)}))
        order by asked_at nulls first, created_at limit ${perRun} for update skip locked)
    returning checkout_id as id`)
  await each(deps, open, ({ id }) => pursuePayment(deps, id))
  return open.length
}

/**
 * For a job, every 5 seconds: decides about late money, up to 200 checkouts, whose units were being
 * taken again when somebody crashed, or whose actors were slow. Returns how many. What fails is
 * logged and tried again; rejects only when PostgreSQL is away.
 */
export async function resumeReclaims(
  deps: MoneyDeps,
  olderThanSeconds: number = settleAfterSeconds,
): Promise<number> {
  const open = await deps.pool.any(sql.type(IdRow)`
    select checkout_id as id from payments
     where reclaiming_since <= now() - make_interval(secs => ${olderThanSeconds})
     order by reclaiming_since limit ${perRun}`)
  await each(deps, open, ({ id }) => finishReclaim(deps, id, 0))
  return open.length
}

/** One that fails must not hold up the others: it is found again at the next run. */
async function each<T extends { readonly id: string }>(
  { log }: MoneyDeps,
  rows: readonly T[],
  run: (row: T) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < rows.length; i += parallel) {
    await Promise.all(
      rows.slice(i, i + parallel).map((row) =>
        run(row).catch((error: unknown) => {
          log.warn(
            { err: error, checkoutId: row.id },
            'a payment could not be resumed; a later run tries it again',
          )
        }),
      ),
    )
  }
}
