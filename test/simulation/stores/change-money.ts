/** Writes what a rule has decided about one purchase, as src/flows/pay/money/apply-change.ts does. */
import assert from 'node:assert/strict'
import type { AttemptChange, MoneyChange } from '../../../src/flows/pay/money/facts.ts'
import type { StockCommand } from '../../../src/stock/protocol/messages.ts'
import { newRefund } from './memory-refunds.ts'
import { commandOf, type MoneyTables, mayMove, newAttempt } from './money-tables.ts'

/** How long a buyer has the bank to themselves. Seconds. */
const bankSeconds = 30

/** All or nothing: only the move of the order can fail, and it comes first. */
export function changeMoney(
  tables: MoneyTables,
  checkoutId: string,
  change: MoneyChange,
): readonly StockCommand[] {
  if (change.order) moveOrder(tables, checkoutId, change.order)
  if (change.payment) movePayment(tables, checkoutId, change.payment)
  if (change.attempt) moveAttempt(tables, checkoutId, change.attempt)
  if (change.otherAttempt) moveAttempt(tables, checkoutId, change.otherAttempt)
  if (change.begin) {
    newAttempt(tables, { checkoutId, ...change.begin })
    Object.assign(tables.payments.get(checkoutId) ?? {}, { replaced: true })
  }
  if (change.history) tables.tellHistory(checkoutId, change.history.from, change.history.to)
  if (change.refund) requestRefund(tables, checkoutId, change.refund.reason)
  for (const row of change.tell ?? []) tables.tell(row)
  return change.units ? moveUnits(tables, checkoutId, change.units.how) : []
}

function moveOrder(
  tables: MoneyTables,
  checkoutId: string,
  { by, to, outcome, reason }: NonNullable<MoneyChange['order']>,
): void {
  const order = tables.orders.get(checkoutId)
  assert.ok(order && mayMove(order, by, to), `order ${checkoutId} cannot become ${to}`)
  order.state = to
  if (outcome !== undefined) order.outcome = outcome
  if (reason !== undefined) order.reason = reason
}

function movePayment(
  tables: MoneyTables,
  checkoutId: string,
  { intentId, status, captured, reclaiming, flagged }: NonNullable<MoneyChange['payment']>,
): void {
  const row = tables.payments.get(checkoutId)
  if (!row) return
  row.intentId = intentId ?? row.intentId
  row.status = status ?? row.status
  row.captured = captured ?? row.captured
  row.flagged = flagged?.slice(0, 500) ?? row.flagged
  if (reclaiming !== undefined) row.reclaimingSinceMs = reclaiming ? tables.now() : null
}

function moveAttempt(
  tables: MoneyTables,
  checkoutId: string,
  { attempt, state, declineCode, clientSecret, card, processing = false }: AttemptChange,
): void {
  const row = tables.attemptsOf(checkoutId).find((each) => each.attempt === attempt)
  if (!row) return
  row.state = state
  row.declineCode = declineCode?.slice(0, 100) ?? row.declineCode
  row.clientSecret = clientSecret ?? row.clientSecret
  row.card = card ?? row.card
  row.processing = processing
  const open = state === 'requires_action' || processing
  if (!open) row.details = null
  if (open) row.leasedUntilMs = tables.now() + bankSeconds * 1_000
}

/** All that was captured and is not on its way back. */
export function requestRefund(tables: MoneyTables, checkoutId: string, reason: string): void {
  const payment = tables.payments.get(checkoutId)
  if (!payment) return
  const asked = tables.refundsOf(checkoutId).filter(({ state }) => state !== 'failed')
  const amount = payment.captured - asked.reduce((sum, refund) => sum + refund.amount, 0)
  if (amount <= 0) return
  const id = tables.ids()
  tables.refunds.set(id, newRefund(id, checkoutId, amount, reason, tables.now()))
}

function moveUnits(
  tables: MoneyTables,
  checkoutId: string,
  how: NonNullable<MoneyChange['units']>['how'],
): StockCommand[] {
  if (how === 'release') return tables.release(checkoutId)
  const lines = tables.linesOf(checkoutId).filter(({ units }) => units > 0)
  const fitting = lines.filter(
    ({ stock }) => how === 'reclaim' || stock === (how === 'sell' ? 'held' : 'sold'),
  )
  return tables.write(
    fitting.map(({ sku, units }) =>
      commandOf(how, sku, checkoutId, how === 'reclaim' ? units : null),
    ),
  )
}
