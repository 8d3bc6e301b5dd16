/** Changes of an order whose row the caller has locked, with their history. */
import type { DatabaseTransactionConnection } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'
import type { OrderLine } from './order-repository.ts'
import { leastAdvanced, type OrderStatus } from './order-state.ts'

export interface Change {
  readonly orderId: string
  /** Null: the system. */
  readonly actorId: string | null
  readonly reason: string
}

/**
 * Moves some of an order's lines; the order follows its least advanced one. `lines` are all of them, as
 * they were. The caller has asked the table of moves.
 */
export async function moveLines(
  tx: DatabaseTransactionConnection,
  lines: readonly OrderLine[],
  skus: ReadonlySet<string>,
  to: OrderStatus,
  { orderId, actorId, reason }: Change,
): Promise<void> {
  if (skus.size === 0) return
  const status = leastAdvanced(lines.map((line) => (skus.has(line.sku) ? to : line.status)))
  await tx.query(sql.typeAlias('none')`
    with before as (
      select sku, status from order_lines
       where order_id = ${orderId} and sku = any(${sql.array([...skus], 'text')})),
    lines as (
      update order_lines l set status = ${to} from before b where l.order_id = ${orderId} and l.sku = b.sku),
    whole as (
      update orders o set status = ${status} from orders old
       where o.id = ${orderId} and old.id = o.id and o.status <> ${status}
      returning old.status)
    insert into order_history (order_id, sku, from_status, to_status, actor_id, reason)
    select ${orderId}::uuid, sku, from_status, to_status, ${actorId}::uuid, ${reason} from (
      select sku, status as from_status, ${to} as to_status, 0 as rank from before
      union all
      select null, status, ${status}, 1 from whole) as change
     order by rank, sku`)
}

/** Cancels the order with all its lines. */
export async function cancelLines(
  tx: DatabaseTransactionConnection,
  from: OrderStatus,
  { orderId, actorId, reason }: Change,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    with whole as (
      update orders set status = 'cancelled' where id = ${orderId}),
    lines as (
      update order_lines set status = 'cancelled' where order_id = ${orderId})
    insert into order_history (order_id, from_status, to_status, actor_id, reason)
    values (${orderId}, ${from}, 'cancelled', ${actorId}, ${reason})`)
}
