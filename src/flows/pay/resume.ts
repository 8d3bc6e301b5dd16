/** Jobs that finish what was begun: each may run at any time, twice, and on several workers at once. */
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'
import { finishReclaim } from './late-money.ts'
import type { MoneyDeps } from './money-deps.ts'
import { pursuePayment } from './pursue.ts'

/** Of one run; the next goes on. */
const perRun = 200
const parallel = 4
/** An attempt that is younger has somebody who waits for its answer. Seconds. */
export const settleAfterSeconds = 15
/** How long until the provider is asked about the same attempt again. Seconds. */
const askAgainSeconds = 30

const IdRow = z.object({ id: z.string() })
const StepRow = z.object({ id: z.string(), step: z.string() })

/**
 * Asks the provider about attempts without a verdict: lost replies, lost events, processes that died.
 * Returns how many were asked about.
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

/** Resumes what a crash has interrupted, step by step; returns how many were taken up. */
export async function resumeSagas(
  deps: MoneyDeps,
  olderThanSeconds: number = settleAfterSeconds,
): Promise<number> {
  const open = await deps.pool.any(sql.type(StepRow)`
    select j.checkout_id as id, j.step from saga_journal j
     where j.state = 'started' and j.started_at <= now() - make_interval(secs => ${olderThanSeconds})
       and (j.step <> 'charge' or exists (select from payment_attempts a
         where a.checkout_id = j.checkout_id and a.state = 'pending'
           and (a.asked_at is null
             or a.asked_at <= now() - make_interval(secs => ${Math.min(askAgainSeconds, olderThanSeconds)}))))
     order by j.started_at limit ${perRun}`)
  await each(deps, open, ({ id, step }) =>
    step === 'reclaim' ? finishReclaim(deps, id, 0) : pursuePayment(deps, id),
  )
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
          log.warn({ err: error, checkoutId: row.id }, 'a payment could not be settled')
        }),
      ),
    )
  }
}
