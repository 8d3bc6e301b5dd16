/**
 * Money that came after its hold had ended. An expired hold is honoured if its units can be had
 * again, all of them; who gave the checkout up, or was told that the payment failed, gets the money
 * back.
 */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { assert } from '../../kernel/assert.ts'
import { newId } from '../../kernel/ids.ts'
import { lockOrder } from '../../orders/order-repository.ts'
import { mayMove } from '../../orders/order-sql.ts'
import type { IntentFacts } from '../../payments/gateway.ts'
import { lockPayment } from '../../payments/payment-repository.ts'
import { requestRefund } from '../../payments/refunds.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { writeCommands } from '../reserve/end-checkout.ts'
import type { MoneyDeps } from './money-deps.ts'
import type { Settlement } from './settlement.ts'

/** How long to wait for the actors before a job looks again. */
const reclaimMs = 3_000
const lookEveryMs = 40

interface Recorded {
  readonly settlement: Settlement
  readonly commands: readonly StockCommand[]
}

/**
 * For {@link settlePayment}: records what was captured, and begins to honour it or asks for its
 * refund, which a job carries out within seconds. Waits up to 3 seconds for the actors. @throws
 * AssertionError when the checkout has not ended, or is confirmed.
 */
export async function settleLateMoney(
  deps: MoneyDeps,
  checkoutId: string,
  intent: IntentFacts,
): Promise<Settlement> {
  const { settlement, commands } = await deps.pool.transaction((tx) =>
    record(tx, checkoutId, intent),
  )
  if (commands.length > 0) {
    await deps.strategy.post(commands)
    await finishReclaim(deps, checkoutId)
  }
  return settlement
}

async function record(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  intent: IntentFacts,
): Promise<Recorded> {
  const order = await lockOrder(tx, checkoutId)
  const payment = await lockPayment(tx, checkoutId)
  // Settled by somebody else a moment ago.
  if (payment?.status === 'succeeded') {
    return { settlement: { tag: 'unchanged' }, commands: [] }
  }
  assert(
    order === null || (order.outcome !== null && order.outcome !== 'confirmed'),
    `money for checkout ${checkoutId}, which is ${order?.state}, is not late`,
  )
  const honour = order?.state === 'expired'
  await tx.query(sql.typeAlias('none')`
    with payment as (
      update payments set status = 'succeeded', captured = ${intent.amountReceived}, updated_at = now(),
          reclaiming_since = case when ${honour} then now() end
       where checkout_id = ${checkoutId})
    update payment_attempts set state = 'succeeded', settled_at = now()
     where checkout_id = ${checkoutId} and state in ('pending', 'requires_action')`)
  if (honour) {
    return { settlement: { tag: 'late' }, commands: await reclaimUnits(tx, checkoutId) }
  }
  await requestRefund(tx, checkoutId, 'late')
  return { settlement: { tag: 'late' }, commands: [] }
}

const LineRow = z.object({ sku: z.string(), units: z.number(), stock: z.string() })

function takenOf(tx: DatabaseTransactionConnection, checkoutId: string) {
  return tx.any(sql.type(LineRow)`
    select sku, quantity as units, stock from order_lines
     where order_id = ${checkoutId} and quantity > 0 order by sku`)
}

async function reclaimUnits(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<StockCommand[]> {
  const lines = await takenOf(tx, checkoutId)
  const commands = lines.map(
    ({ sku, units }): StockCommand => ({ id: newId(), kind: 'reclaim', sku, checkoutId, units }),
  )
  return writeCommands(tx, commands, 'late money')
}

/**
 * For late money and a job: decides about reclaimed units once the actors have answered, all of
 * them or none and a refund. Waits up to `waitMs` milliseconds, then false: a job looks again.
 * Rejects when PostgreSQL is away.
 */
export async function finishReclaim(
  deps: MoneyDeps,
  checkoutId: string,
  waitMs: number = reclaimMs,
): Promise<boolean> {
  const { pool, clock } = deps
  const deadline = clock.monotonic() + waitMs
  for (;;) {
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*) as count from stock_commands
       where checkout_id = ${checkoutId} and kind = 'reclaim' and done_at is null`)
    if (count === 0) break
    if (clock.monotonic() + lookEveryMs >= deadline) return false
    await clock.sleep(lookEveryMs)
  }
  const commands = await pool.transaction((tx) => decide(tx, checkoutId))
  if (commands.length > 0) await deps.strategy.post(commands)
  return true
}

async function decide(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<readonly StockCommand[]> {
  if ((await lockOrder(tx, checkoutId))?.state !== 'expired') return []
  const open = await tx.maybeOne(sql.typeAlias('id')`
    update payments set reclaiming_since = null, updated_at = now()
     where checkout_id = ${checkoutId} and reclaiming_since is not null returning checkout_id as id`)
  if (!open) return []
  const lines = await takenOf(tx, checkoutId)
  const sold = lines.filter(({ stock }) => stock === 'sold')
  if (lines.length > 0 && sold.length === lines.length) {
    await honour(tx, checkoutId)
    return []
  }
  const back = sold.map(
    ({ sku }): StockCommand => ({ id: newId(), kind: 'return', sku, checkoutId, units: null }),
  )
  const commands = await writeCommands(tx, back, 'late money could not be honoured')
  await requestRefund(tx, checkoutId, 'late')
  return commands
}

async function honour(tx: DatabaseTransactionConnection, checkoutId: string): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    with confirmed as (
      update orders o set state = 'paid', outcome = 'confirmed', reason = 'paid late'
       where o.id = ${checkoutId} and ${mayMove('o', 'late money', 'paid')} returning o.id)
    insert into order_history (order_id, from_status, to_status, reason)
    select id, 'expired', 'paid', 'the payment came late, the units were still free' from confirmed`)
  await appendOutbox(tx, 'order.paid', checkoutId, { orderId: checkoutId })
}
