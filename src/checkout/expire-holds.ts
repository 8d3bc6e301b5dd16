/** Every hold ends: what is not paid by its deadline is given back, at the latest one sweep later. */
import type { DatabasePool } from 'slonik'
import { appendOutboxRows } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { releaseUnits } from './end-checkout.ts'
import type { ReservationStrategy } from './strategy.ts'

/** Checkouts of one transaction; the sweep goes on until none is due. */
const perTransaction = 2_000
const transactionsPerSweep = 500

/** Expires every checkout whose deadline has passed by PostgreSQL's clock; returns how many. */
export async function expireHolds(
  pool: DatabasePool,
  strategy: Pick<ReservationStrategy, 'post'>,
): Promise<number> {
  let total = 0
  for (let i = 0; i < transactionsPerSweep; i++) {
    const { count, commands } = await pool.transaction(async (tx) => {
      const due = await tx.any(sql.typeAlias('id')`
        with due as (
          select id from checkouts where status = 'reserved' and expires_at < now()
           order by expires_at limit ${perTransaction} for update skip locked),
        ended as (
          update checkouts c set status = 'expired' from due where c.id = due.id returning c.id),
        orders_ended as (
          update orders set status = 'expired' where id in (select id from ended)),
        lines_ended as (
          update order_lines set status = 'expired' where order_id in (select id from ended))
        select id from ended`)
      const ids = due.map(({ id }) => id)
      await appendOutboxRows(
        tx,
        ids.map((id) => ({ topic: 'checkout.expired', key: id, payload: {} })),
      )
      return { count: ids.length, commands: await releaseUnits(tx, ids, 'the hold expired') }
    })
    await strategy.post(commands)
    total += count
    if (count < perTransaction) break
  }
  return total
}
