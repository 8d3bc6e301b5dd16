/** Writes what a rule has decided about one purchase, in the transaction that holds its rows. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { assert } from '../../../kernel/assert.ts'
import { newId } from '../../../kernel/ids.ts'
import { mayMove } from '../../../orders/order-sql.ts'
import { requestRefund } from '../../../payments/refunds.ts'
import { appendOutboxRows } from '../../../platform/outbox.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { releaseUnits, writeCommands } from '../../reserve/end-checkout.ts'
import type { AttemptChange, MoneyChange } from './facts.ts'
import { askAgainSeconds, leaseSeconds } from './store.ts'

/**
 * For PgMoneyStore: writes the change; the caller has locked order and payment. Returns the commands to
 * post after the commit. @throws AssertionError for a move that the order's table does not have.
 */
export async function applyChange(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  change: MoneyChange,
): Promise<readonly StockCommand[]> {
  if (change.order) await moveOrder(tx, checkoutId, change.order)
  if (change.payment) await movePayment(tx, checkoutId, change.payment)
  if (change.attempt) await moveAttempt(tx, checkoutId, change.attempt)
  if (change.otherAttempt) await moveAttempt(tx, checkoutId, change.otherAttempt)
  if (change.begin) await beginNext(tx, checkoutId, change.begin)
  if (change.history) await tellHistory(tx, checkoutId, change.history)
  if (change.refund) await requestRefund(tx, checkoutId, change.refund.reason)
  if (change.tell) await appendOutboxRows(tx, change.tell)
  return change.units ? moveUnits(tx, checkoutId, change.units) : []
}

const outcomeOf = (order: NonNullable<MoneyChange['order']>) =>
  order.outcome === undefined ? sql.fragment`o.outcome` : sql.fragment`${order.outcome}`

async function moveOrder(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  order: NonNullable<MoneyChange['order']>,
): Promise<void> {
  const reason = order.reason === undefined ? sql.fragment`o.reason` : sql.fragment`${order.reason}`
  const moved = await tx.query(sql.typeAlias('none')`
    update orders o set state = ${order.to}, outcome = ${outcomeOf(order)}, reason = ${reason}
     where o.id = ${checkoutId} and ${mayMove('o', order.by, order.to)}`)
  assert(moved.rowCount === 1, `order ${checkoutId} cannot become ${order.to}`)
}

async function movePayment(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { intentId, status, captured, reclaiming, flagged }: NonNullable<MoneyChange['payment']>,
): Promise<void> {
  const since =
    reclaiming === undefined
      ? sql.fragment`reclaiming_since`
      : reclaiming
        ? sql.fragment`now()`
        : sql.fragment`null`
  await tx.query(sql.typeAlias('none')`
    update payments set intent_id = coalesce(${intentId ?? null}, intent_id),
        status = coalesce(${status ?? null}, status), captured = coalesce(${captured ?? null}::int8, captured),
        flagged = coalesce(${flagged?.slice(0, 500) ?? null}, flagged), reclaiming_since = ${since}, updated_at = now()
     where checkout_id = ${checkoutId}`)
}

async function moveAttempt(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { attempt, state, declineCode, clientSecret, card, processing = false }: AttemptChange,
): Promise<void> {
  const open = state === 'requires_action' || processing
  await tx.query(sql.typeAlias('none')`
    update payment_attempts
       set state = ${state}, decline_code = coalesce(${declineCode?.slice(0, 100) ?? null}, decline_code),
           client_secret = coalesce(${clientSecret ?? null}, client_secret), processing = ${processing},
           card_brand = coalesce(${card?.brand ?? null}, card_brand),
           card_last4 = coalesce(${card?.last4 ?? null}, card_last4),
           details = case when ${open} then details end,
           leased_until = case when ${open} then now() + make_interval(secs => ${askAgainSeconds}) else leased_until end,
           settled_at = case when ${open} or state = ${state} then settled_at else now() end
     where checkout_id = ${checkoutId} and attempt = ${attempt}`)
}

/** From now on a success has to be credited: the statement of the usual one leaves it to the rules. */
async function beginNext(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { attempt, paymentMethodId, queue, details }: NonNullable<MoneyChange['begin']>,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    insert into payment_attempts (checkout_id, attempt, payment_method_id, details, state, sent_at, leased_until)
    values (${checkoutId}, ${attempt}, ${paymentMethodId}, ${details && JSON.stringify(details)}::jsonb,
      ${queue ? 'waiting' : 'pending'},
      ${queue ? sql.fragment`null` : sql.fragment`now()`}, now() + make_interval(secs => ${leaseSeconds}))`)
  await tx.query(sql.typeAlias('none')`
    update payments set replaced = true, updated_at = now() where checkout_id = ${checkoutId}`)
}

/** An order that was never reserved has no history of which anybody reads. */
async function tellHistory(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { from, to, reason }: NonNullable<MoneyChange['history']>,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    insert into order_history (order_id, from_status, to_status, reason)
    select id, ${from}, ${to}, ${reason} from orders where id = ${checkoutId} and number is not null`)
}

const LineRow = z.object({ sku: z.string(), units: z.number(), stock: z.string() })

/** Lines of the order that hold, or have held, units. */
export function linesWithUnits(tx: Pick<DatabaseTransactionConnection, 'any'>, checkoutId: string) {
  return tx.any(sql.type(LineRow)`
    select sku, quantity as units, stock from order_lines
     where order_id = ${checkoutId} and quantity > 0 order by sku`)
}

async function moveUnits(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  { how, reason }: NonNullable<MoneyChange['units']>,
): Promise<readonly StockCommand[]> {
  if (how === 'release') return releaseUnits(tx, [checkoutId], reason)
  const lines = await linesWithUnits(tx, checkoutId)
  const commands = lines
    .filter(({ stock }) => how === 'reclaim' || stock === (how === 'sell' ? 'held' : 'sold'))
    .map(
      ({ sku, units }): StockCommand => ({
        id: newId(),
        kind: how,
        sku,
        checkoutId,
        units: how === 'reclaim' ? units : null,
      }),
    )
  return writeCommands(tx, commands, reason)
}
