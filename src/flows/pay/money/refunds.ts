/** How refunds change, in PostgreSQL. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { assert } from '../../../kernel/assert.ts'
import { isUuid, newId } from '../../../kernel/ids.ts'
import { mayMove, orderWordOf } from '../../../orders/order-sql.ts'
import type { RefundFacts } from '../../../payments/gateway.ts'
import { appendOutboxRows } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { writeCommands } from '../../reserve/end-checkout.ts'
import { lockRefunds } from './refund-book.ts'
import {
  corrections,
  type NewRefund,
  type RefundBook,
  type RefundChange,
  type RefundMove,
} from './refund-facts.ts'

const none = sql.typeAlias('none')

/**
 * For PgMoneyStore and for whoever changes more in the same transaction: locks the purchase, asks `decide` once, and
 * writes what it says. Returns the commands to post after the commit. @throws AssertionError for a move that the order's
 * table does not have, CheckIntegrityConstraintViolationError when more would go back than was captured.
 */
export async function changeRefundsIn<T extends { readonly change: RefundChange | null }>(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  decide: (book: RefundBook, freshId: () => string) => T,
): Promise<{ decided: T; commands: readonly StockCommand[] }> {
  const book = await lockRefunds(tx, checkoutId)
  const decided = decide(book, newId)
  const { change } = decided
  return { decided, commands: change ? await applyRefunds(tx, book, change) : [] }
}

async function applyRefunds(
  tx: DatabaseTransactionConnection,
  { checkoutId, payment, refunds }: RefundBook,
  change: RefundChange,
): Promise<readonly StockCommand[]> {
  for (const move of change.moves) await moveRefund(tx, move)
  for (const refund of change.written) await writeRefund(tx, checkoutId, refund)
  const { refunded, flagged, order, told, back } = change
  await tx.query(none`
    update payments set refunded = ${refunded}, flagged = coalesce(${flagged?.slice(0, 500) ?? null}, flagged),
        updated_at = now() where checkout_id = ${checkoutId}`)
  if (order) await moveOrder(tx, checkoutId, order)
  const currency = payment?.currency ?? null
  await appendOutboxRows(tx, [
    ...told.map(({ id, amount, reason }) => ({
      topic: 'payment.refunded',
      key: id,
      payload: { orderId: checkoutId, refundId: id, amount, currency, reason },
    })),
    ...corrections(refunds, change).map(({ id, amount }) => ({
      topic: 'payment.refund_failed',
      key: id,
      payload: { orderId: checkoutId, refundId: id, amount },
    })),
  ])
  const commands = back.map(
    ({ sku, units }): StockCommand => ({ id: newId(), kind: 'return', sku, checkoutId, units }),
  )
  // A cancel takes all that is left, as part 0.
  return writeCommands(tx, commands, 'refunded', refunds.length + 1)
}

async function moveRefund(tx: DatabaseTransactionConnection, move: RefundMove): Promise<void> {
  const { id, state = null, providerId = null, error, againIn, nextId = null } = move
  const said =
    error === undefined ? sql.fragment`last_error` : sql.fragment`${error?.slice(0, 500) ?? null}`
  const again =
    againIn === undefined
      ? sql.fragment`again_at`
      : sql.fragment`now() + make_interval(secs => ${againIn})`
  await tx.query(none`
    update refunds set state = coalesce(${state}, state), refund_id = coalesce(${providerId}, refund_id),
        taken_at = coalesce(taken_at, case when ${providerId}::text is not null then now() end),
        settled_at = case when ${state}::text is null then settled_at else now() end, last_error = ${said},
        again_at = ${again}, next_id = coalesce(${nextId}::uuid, next_id)
     where id = ${id}`)
}

async function writeRefund(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  refund: NewRefund,
): Promise<void> {
  const { id, origin, amount, state, reason, providerId = null, note = null } = refund
  const { sellerId = null, round = 0, lines = [], asked = null } = refund
  const taken = sql.fragment`case when ${providerId}::text is not null then now() end`
  await tx.query(none`
    insert into refunds (id, checkout_id, origin, amount, state, reason, refund_id, note, seller_id, round, asked_by,
        idempotency_key, fingerprint, taken_at, settled_at)
    values (${id}, ${checkoutId}, ${origin}, ${amount}, ${state}, ${reason}, ${providerId}, ${note}, ${sellerId},
        ${round}, ${asked?.by ?? null}, ${asked?.key ?? null}, ${asked?.fingerprint ?? null}, ${taken},
        case when ${state}::text <> 'pending' then now() end)`)
  if (lines.length === 0) return
  const rows = lines.map(({ sku, units, back, amount: part }) => [id, sku, units, back, part])
  await tx.query(none`
    insert into refund_lines (refund_id, sku, units, back, amount)
    select * from ${sql.unnest(rows, ['uuid', 'text', 'int4', 'int4', 'int8'])}`)
}

/** The history tells it in the words that are shown; an order that was never reserved has none. */
async function moveOrder(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  order: NonNullable<RefundChange['order']>,
): Promise<void> {
  const moved = await tx.query(none`
    with was as (
      select o.id, o.number, ${orderWordOf('o')} as word from orders o where o.id = ${checkoutId}),
    moved as (
      update orders o set state = ${order.to} from was
       where o.id = was.id and ${mayMove('o', order.by, order.to)}
      returning o.id, ${orderWordOf('o')} as word),
    told as (
      insert into order_history (order_id, from_status, to_status, reason)
      select was.id, was.word, moved.word, ${order.reason} from was join moved on moved.id = was.id
       where was.number is not null)
    select from moved`)
  assert(moved.rowCount === 1, `order ${checkoutId} cannot become ${order.to}`)
}

/** For PgMoneyStore: whose refund it is, by our id, the provider's, or that of its intent; null: nobody's. */
export function checkoutOfRefund(
  pool: DatabasePool,
  { id, refundId, intentId }: Pick<RefundFacts, 'id' | 'refundId' | 'intentId'>,
): Promise<string | null> {
  const ours = refundId !== null && isUuid(refundId) ? refundId : null
  return pool.maybeOneFirst(sql.type(OwnerRow)`
    select checkout_id as id from refunds where id = ${ours}::uuid
    union all select checkout_id from refunds where refund_id = ${id}
    union all select checkout_id from payments where intent_id = ${intentId}
    limit 1`)
}

const OwnerRow = z.object({ id: z.string() })

const DueRow = z.object({ id: z.string(), checkoutId: z.string() })

/** For PgMoneyStore: refunds that failed and are due to be asked for again. */
export function failedRefundsDue(
  pool: DatabasePool,
  max: number,
): Promise<readonly z.infer<typeof DueRow>[]> {
  return pool.any(sql.type(DueRow)`
    select id, checkout_id as "checkoutId" from refunds
     where state = 'failed' and again_at is not null and again_at <= now() order by again_at limit ${max}`)
}
