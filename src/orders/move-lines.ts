/** Changes of an order whose row the caller has locked, with their history. */
import type { DatabaseTransactionConnection } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'
import type { OrderLine } from './order-repository.ts'
import { mayMove } from './order-sql.ts'
import { leastAdvanced, type SellerMove } from './order-state.ts'

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
  to: SellerMove,
  { orderId, actorId, reason }: Change,
): Promise<void> {
  if (skus.size === 0) return
  const moved = lines.filter(({ sku }) => skus.has(sku))
  const rows = moved.map(({ sku, status }) => [sku, status])
  // The owners of these SKUs move other columns of the same rows: everybody takes them in one order.
  await tx.query(sql.typeAlias('none')`
    with mine as (
      select sku from order_lines where order_id = ${orderId} and sku = any(${sql.array([...skus], 'text')})
       order by sku collate "C" for update),
    lines as (
      update order_lines l set progress = ${to} from mine where l.order_id = ${orderId} and l.sku = mine.sku)
    insert into order_history (order_id, sku, from_status, to_status, actor_id, reason)
    select ${orderId}::uuid, sku, status, ${to}, ${actorId}::uuid, ${reason}
      from ${sql.unnest(rows, ['text', 'text'])} as moved (sku, status) order by sku`)
  // A line that was taken back goes nowhere any more, and holds up no other.
  const going = lines.filter(({ sku, status }) => skus.has(sku) || status !== 'refunded')
  const state = leastAdvanced(going.map((line) => (skus.has(line.sku) ? to : line.status)))
  if (state === 'paid') return
  await tx.query(sql.typeAlias('none')`
    with whole as (
      update orders o set state = ${state} from orders old
       where o.id = ${orderId} and old.id = o.id and ${mayMove('o', 'seller', state)}
      returning old.state)
    insert into order_history (order_id, from_status, to_status, actor_id, reason)
    select ${orderId}::uuid, state, ${state}, ${actorId}::uuid, ${reason} from whole`)
}

/** Cancels a paid order; its lines follow it. */
export async function cancelPaid(
  tx: DatabaseTransactionConnection,
  from: string,
  { orderId, actorId, reason }: Change,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    with whole as (
      update orders o set state = 'cancelled'
       where o.id = ${orderId} and ${mayMove('o', 'buyer', 'cancelled')})
    insert into order_history (order_id, from_status, to_status, actor_id, reason)
    values (${orderId}, ${from}, 'cancelled', ${actorId}, ${reason})`)
}
