/**
 * Money that came after its hold had ended. An expired hold is honoured if its units can be had again, all
 * of them; who gave the checkout up, or was told that the payment failed, gets the money back.
 */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { assert } from '../../kernel/assert.ts'
import { newId } from '../../kernel/ids.ts'
import type { IntentFacts } from '../../payments/gateway.ts'
import { lockPayment } from '../../payments/payment-repository.ts'
import { requestRefund } from '../../payments/refunds.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/gate/post-commands.ts'
import { writeCommands } from '../reserve/end-checkout.ts'
import { endSteps, startStep } from './journal.ts'
import { lockCheckout } from './lock-checkout.ts'
import type { MoneyDeps } from './money-deps.ts'
import type { Settlement } from './settlement.ts'

/** How long to wait for the actors before a job looks again. */
const reclaimMs = 3_000
const lookEveryMs = 40

interface Recorded {
  readonly settlement: Settlement
  readonly commands: readonly StockCommand[]
}

/** Records what was captured and begins to honour it, or asks for its refund, which a job carries out within seconds. */
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
  const status = await lockCheckout(tx, checkoutId)
  const payment = await lockPayment(tx, checkoutId)
  // Settled by somebody else a moment ago.
  if (payment?.status === 'succeeded') {
    return { settlement: { tag: 'unchanged' }, commands: [] }
  }
  assert(
    status !== 'reserved' && status !== 'paying' && status !== 'confirmed',
    `money for checkout ${checkoutId}, which is ${status}, is not late`,
  )
  await tx.query(sql.typeAlias('none')`
    with payment as (
      update payments set status = 'succeeded', captured = ${intent.amountReceived}, updated_at = now()
       where checkout_id = ${checkoutId})
    update payment_attempts set state = 'succeeded', settled_at = now()
     where checkout_id = ${checkoutId} and state in ('pending', 'requires_action')`)
  if (status === 'expired') {
    await startStep(tx, checkoutId, 'reclaim')
    await endSteps(tx, checkoutId, ['charge'], 'done', { late: status })
    return {
      settlement: { tag: 'late' },
      commands: await reclaimUnits(tx, checkoutId),
    }
  }
  await requestRefund(tx, checkoutId, 'late')
  await endSteps(tx, checkoutId, ['charge'], 'undone', { late: status ?? 'no checkout' })
  return { settlement: { tag: 'late' }, commands: [] }
}

const HoldRow = z.object({ sku: z.string(), units: z.number(), state: z.string() })

function holdsOf(tx: DatabaseTransactionConnection, checkoutId: string) {
  return tx.any(sql.type(HoldRow)`
    select sku, units, state from holds where checkout_id = ${checkoutId} and units > 0 order by sku`)
}

async function reclaimUnits(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<StockCommand[]> {
  const holds = await holdsOf(tx, checkoutId)
  const commands = holds.map(
    ({ sku, units }): StockCommand => ({ id: newId(), kind: 'reclaim', sku, checkoutId, units }),
  )
  return writeCommands(tx, commands, 'late money')
}

/**
 * Decides about reclaimed units once the actors have answered: all of them, or none and a refund. Waits a
 * little; false when they have not answered by then, and a job has to look again.
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
  if ((await lockCheckout(tx, checkoutId)) !== 'expired') return []
  const open = await tx.maybeOne(sql.typeAlias('id')`
    select checkout_id as id from saga_journal
     where checkout_id = ${checkoutId} and step = 'reclaim' and state = 'started'`)
  if (!open) return []
  const holds = await holdsOf(tx, checkoutId)
  const sold = holds.filter(({ state }) => state === 'sold')
  if (holds.length > 0 && sold.length === holds.length) {
    await honour(tx, checkoutId)
    return []
  }
  const back = sold.map(
    ({ sku }): StockCommand => ({ id: newId(), kind: 'return', sku, checkoutId, units: null }),
  )
  const commands = await writeCommands(tx, back, 'late money could not be honoured')
  await requestRefund(tx, checkoutId, 'late')
  await endSteps(tx, checkoutId, ['reclaim'], 'undone')
  return commands
}

async function honour(tx: DatabaseTransactionConnection, checkoutId: string): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    with confirmed as (
      update checkouts set status = 'confirmed', reason = 'paid late' where id = ${checkoutId} returning id),
    lines as (
      update order_lines l set status = 'paid' from confirmed c where l.order_id = c.id),
    paid as (
      update orders o set status = 'paid' from confirmed c where o.id = c.id)
    insert into order_history (order_id, from_status, to_status, reason)
    select id, 'expired', 'paid', 'the payment came late, the units were still free' from confirmed`)
  await appendOutbox(tx, 'order.paid', checkoutId, { orderId: checkoutId })
  await endSteps(tx, checkoutId, ['reclaim', 'confirm', 'fulfil'], 'done')
}
