/**
 * Every hold ends: what is not paid by its deadline is given back, at the latest one sweep later.
 */
import type { DatabasePool } from 'slonik'
import { mayMove } from '../../orders/order-sql.ts'
import { appendOutboxRows } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import { compensate } from './compensate.ts'

/** Checkouts of one transaction; the sweep goes on until none is due. */
const perTransaction = 2_000
const transactionsPerSweep = 500

/** A lease that ended a moment ago is taken by the reconciler in the next one. */
const graceSeconds = 10
/** However long a payment waits, at the provider or before it, its hold ends in the end. */
const sparedSeconds = 3_600

/**
 * For a job, every SWEEP_SECONDS: expires every checkout whose deadline has passed by PostgreSQL's
 * clock; returns how many. One whose payment waits for its turn, or is driven by somebody, is spared
 * for up to an hour; one that waits for its buyer to authenticate is not: what is paid later is late
 * money. Rejects when PostgreSQL is away; the next sweep goes on.
 */
export async function expireHolds(
  pool: DatabasePool,
  strategy: Pick<ReservationStrategy, 'post'>,
): Promise<number> {
  let total = 0
  for (let i = 0; i < transactionsPerSweep; i++) {
    const { count, commands } = await pool.transaction(async (tx) => {
      const due = await tx.any(sql.typeAlias('id')`
        with due as (
          select id from orders o
           where outcome is null and ${mayMove('o', 'sweep', 'expired')} and expires_at < now()
             and not exists (select from payment_attempts a
               where a.checkout_id = o.id
                 and (a.state = 'waiting' or a.state = 'pending'
                   and a.leased_until > now() - make_interval(secs => ${graceSeconds}))
                 and a.created_at > now() - make_interval(secs => ${sparedSeconds}))
           order by expires_at limit ${perTransaction} for update skip locked)
        update orders o set state = 'expired', outcome = 'expired' from due
         where o.id = due.id and ${mayMove('o', 'sweep', 'expired')} returning o.id`)
      const ids = due.map(({ id }) => id)
      await appendOutboxRows(
        tx,
        ids.map((id) => ({ topic: 'checkout.expired', key: id, payload: {} })),
      )
      const end = { order: 'expired', reason: 'the hold expired' } as const
      return { count: ids.length, commands: await compensate(tx, ids, end) }
    })
    await strategy.post(commands)
    total += count
    if (count < perTransaction) break
  }
  return total
}
