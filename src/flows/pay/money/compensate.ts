/**
 * The undo of each step, side by side with what it undoes. All of it is written in one transaction.
 */
import type { DatabaseTransactionConnection } from 'slonik'
import { cancelTopic } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { releaseUnits } from '../../reserve/end-checkout.ts'

/** How orders end that were not paid, and why, for their history. */
export interface OrderEnd {
  readonly order: 'cancelled' | 'expired'
  readonly reason: string
  /** Whose wish it was; none: the system's. */
  readonly actorId?: string
}

interface Undo {
  /** What was done: by the actor's commit, or by a confirm. */
  readonly step: 'reserve' | 'order' | 'charge'
  /**
   * Writes what undoes it; returns commands to post after the commit. Doing it twice changes
   * nothing more.
   */
  undo(
    tx: DatabaseTransactionConnection,
    ids: readonly string[],
    end: OrderEnd,
  ): Promise<readonly StockCommand[]>
}

/** In the order in which they were done. */
const steps: readonly Undo[] = [
  {
    step: 'reserve',
    undo: (tx, ids, { reason }) => releaseUnits(tx, ids, reason),
  },
  {
    step: 'order',
    async undo(tx, ids, { order, reason, actorId }) {
      // The caller has moved the row. One that was never reserved has no order of which anybody
      // reads.
      await tx.query(sql.typeAlias('none')`
        insert into order_history (order_id, from_status, to_status, actor_id, reason)
        select o.id, 'awaiting_payment', ${order}, ${actorId ?? null}::uuid, ${reason}
          from unnest(${sql.array([...ids], 'uuid')}) as ended (id)
         cross join lateral (select id, number from orders where id = ended.id offset 0) as o
         where o.number is not null`)
      return []
    },
  },
  {
    // The provider is told afterwards, by the outbox. If it has charged already, that is late
    // money.
    step: 'charge',
    async undo(tx, ids) {
      await tx.query(sql.typeAlias('none')`
        insert into outbox (topic, key, payload)
        select ${cancelTopic}, checkout_id::text, jsonb_build_object('checkoutId', checkout_id)
          from payments where checkout_id = any(${sql.array([...ids], 'uuid')}) and status = 'open'
        on conflict do nothing`)
      return []
    },
  },
]

/**
 * For cancels, failed payments and the sweep: undoes, in reverse, what was done for orders whose
 * state the caller has just moved to an end. Returns the commands to post after the commit. Throws
 * only PostgreSQL's errors, which roll `tx` back.
 */
export async function compensate(
  tx: DatabaseTransactionConnection,
  checkoutIds: readonly string[],
  end: OrderEnd,
): Promise<StockCommand[]> {
  if (checkoutIds.length === 0) return []
  const commands: StockCommand[] = []
  for (const { undo } of steps.toReversed()) commands.push(...(await undo(tx, checkoutIds, end)))
  return commands
}
