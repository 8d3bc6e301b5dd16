/** The money of all purchases, in PostgreSQL. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { lockOrder } from '../../../orders/order-repository.ts'
import { claimDueRefunds, noteRefund } from '../../../payments/refunds.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import { applyChange, linesWithUnits } from './apply-change.ts'
import {
  countWaiting,
  leaseAttempts,
  leaveKey,
  openAttempt,
  putBack,
  takeOverdue,
  takeWaiting,
  viewPayment,
} from './attempts.ts'
import { beginAttempt } from './begin.ts'
import { capturePayment } from './capture.ts'
import type { ReclaimedLine } from './decide-reclaim.ts'
import { expireDue } from './expire-due.ts'
import { attemptStates, type MoneyChange, type MoneyFacts } from './facts.ts'
import { giveUp } from './give-up.ts'
import { findPayment, lockPayment, PaymentRow, paymentColumns } from './payment-row.ts'
import { changeRefundsIn, checkoutOfRefund, failedRefundsDue } from './refunds.ts'
import type { MoneyStore } from './store.ts'

/**
 * The store of one process, over its pool. Rejects with the pool's errors. A transaction locks the row
 * of the order first, then that of the payment, as everybody does who holds both.
 */
export function pgMoneyStore(pool: DatabasePool): MoneyStore {
  return {
    begin: (request) => beginAttempt(pool, request),
    capture: (checkoutId, facts) => capturePayment(pool, checkoutId, facts),
    change: (checkoutId, decide) => changeLocked(pool, checkoutId, decide),
    byIntent: (intentId) =>
      pool.maybeOne(sql.prepared('payment-by-intent', PaymentRow)`
        select ${paymentColumns} from payments where intent_id = ${intentId}`),
    payment: (checkoutId) => findPayment(pool, checkoutId),
    ended: (checkoutId) =>
      pool.maybeOne(sql.type(PaymentRow)`
        select ${paymentColumns} from payments p where checkout_id = ${checkoutId} and status = 'open'
           and exists (select from orders o where o.id = p.checkout_id and o.outcome <> 'confirmed')`),
    open: (checkoutId) => openAttempt(pool, checkoutId),
    view: (checkoutId, buyerId) => viewPayment(pool, checkoutId, buyerId),
    countWaiting: (max) => countWaiting(pool, max),
    takeWaiting: (max) => takeWaiting(pool, max),
    putBack: (attempts) => putBack(pool, attempts),
    takeOverdue: (max) => takeOverdue(pool, max),
    lease: (attempts, seconds) => leaseAttempts(pool, attempts, seconds),
    leaveKey: (attempt, keyRound) => leaveKey(pool, attempt, keyRound),
    reclaimedLines: (checkoutId) => reclaimedLines(pool, checkoutId),
    async overdueReclaims(seconds, max) {
      const rows = await pool.any(sql.typeAlias('id')`
        select checkout_id as id from payments
         where reclaiming_since <= now() - make_interval(secs => ${seconds})
         order by reclaiming_since limit ${max}`)
      return rows.map(({ id }) => id)
    },
    expireDue: (max) => expireDue(pool, max),
    giveUp: (request) => giveUp(pool, request),
    claimRefunds: (max) => claimDueRefunds(pool, max),
    noteRefund: (id, note) => noteRefund(pool, id, note),
    changeRefunds: (checkoutId, decide) =>
      pool.transaction((tx) => changeRefundsIn(tx, checkoutId, decide)),
    checkoutOfRefund: (refund) => checkoutOfRefund(pool, refund),
    failedRefundsDue: (max) => failedRefundsDue(pool, max),
  }
}

const AttemptRow = z.object({
  attempt: z.number(),
  state: z.enum(attemptStates),
  paymentMethodId: z.string(),
  processing: z.boolean(),
  cardKnown: z.boolean(),
})

/** The purchase as it is, its rows locked. */
async function lockFacts(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<MoneyFacts> {
  const order = await lockOrder(tx, checkoutId)
  const payment = await lockPayment(tx, checkoutId)
  const attempts = await tx.any(sql.type(AttemptRow)`
    select attempt, state, payment_method_id as "paymentMethodId", processing,
        card_last4 is not null as "cardKnown"
      from payment_attempts
     where checkout_id = ${checkoutId} order by attempt`)
  return {
    checkoutId,
    order,
    payment,
    attempts: [...attempts],
  }
}

async function changeLocked<T extends { readonly change: MoneyChange | null }>(
  pool: DatabasePool,
  checkoutId: string,
  decide: (facts: MoneyFacts) => T,
): Promise<{ decided: T; commands: readonly StockCommand[] }> {
  return pool.transaction(async (tx) => {
    const decided = decide(await lockFacts(tx, checkoutId))
    const { change } = decided
    return { decided, commands: change ? await applyChange(tx, checkoutId, change) : [] }
  })
}

/** Two statements, the commands first: an owner that answers in between has written its lines before. */
async function reclaimedLines(
  pool: DatabasePool,
  checkoutId: string,
): Promise<readonly ReclaimedLine[] | null> {
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from stock_commands
     where checkout_id = ${checkoutId} and kind = 'reclaim' and done_at is null`)
  if (count > 0) return null
  const lines = await linesWithUnits(pool, checkoutId)
  return lines.map(({ sku, stock }) => ({ sku, sold: stock === 'sold' }))
}
