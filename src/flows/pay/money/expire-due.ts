/** How holds end by their deadline, in PostgreSQL. */
import type { DatabasePool } from 'slonik'
import { mayMove } from '../../../orders/order-sql.ts'
import { appendOutboxRows } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { compensate } from './compensate.ts'

/** A lease that ended a moment ago is taken by the reconciler in the next one. */
export const graceSeconds = 10
/** However long a payment waits, at the provider or before it, its hold ends in the end. */
export const sparedSeconds = 3_600
/**
 * The provider says yes or no to a debit within two weeks. A payment that is in processing even then is
 * cancelled with its hold; money that comes after all is late money.
 */
export const processingSeconds = 14 * 86_400

/** For PgMoneyStore: ends those that are due, in one transaction. */
export function expireDue(
  pool: DatabasePool,
  max: number,
): Promise<{ readonly count: number; readonly commands: readonly StockCommand[] }> {
  return pool.transaction(async (tx) => {
    const due = await tx.any(sql.typeAlias('id')`
      with due as (
        select id from orders o
         where outcome is null and ${mayMove('o', 'sweep', 'expired')} and expires_at < now()
           and not exists (select from payment_attempts a
             where a.checkout_id = o.id
               and (a.state = 'waiting' or a.state = 'pending'
                 and a.leased_until > now() - make_interval(secs => ${graceSeconds}))
               and a.created_at > now() - make_interval(secs => ${sparedSeconds})
               or a.checkout_id = o.id and a.state = 'pending' and a.processing
               and a.created_at > now() - make_interval(secs => ${processingSeconds}))
         order by expires_at limit ${max} for update skip locked)
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
}
