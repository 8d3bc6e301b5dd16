/** Refunds in memory, as src/payments/refunds.ts and src/flows/pay/money/refunds.ts have them. */

import { orderWord } from '../../../src/orders/order-words.ts'
import type { RefundFacts } from '../../../src/payments/gateway.ts'
import type { DueRefund } from '../../../src/payments/refunds.ts'
import { type MoneyTables, mayMove, type RefundRow } from './money-tables.ts'

/** Pauses grow from a second to ten minutes. */
function isDue({ state, triedAtMs, attempts }: RefundRow, nowMs: number): boolean {
  if (state !== 'pending') return false
  const pauseMs = Math.min(600, 2 ** Math.min(attempts, 10)) * 1_000
  return triedAtMs === null || triedAtMs < nowMs - pauseMs
}

export function dueRefunds(tables: MoneyTables, max: number): RefundRow[] {
  const nowMs = tables.now()
  return [...tables.refunds.values()]
    .filter((row) => isDue(row, nowMs) && tables.payments.get(row.checkoutId)?.intentId)
    .sort((a, b) => a.createdAtMs - b.createdAtMs)
    .slice(0, max)
}

export function claimRefunds(tables: MoneyTables, max: number): DueRefund[] {
  const nowMs = tables.now()
  return dueRefunds(tables, max).map((row) => {
    row.attempts += 1
    row.triedAtMs = nowMs
    const { id, checkoutId, amount, providerId, attempts } = row
    const { intentId, currency } = tables.payments.get(checkoutId) as {
      intentId: string
      currency: string
    }
    const ageSeconds = Math.round((nowMs - row.createdAtMs) / 1_000)
    return { id, checkoutId, amount, currency, intentId, providerId, attempts, ageSeconds }
  })
}

export function failRefund(tables: MoneyTables, id: string, why: string): boolean {
  const row = tables.refunds.get(id)
  if (row?.state !== 'pending') return false
  row.state = 'failed'
  row.lastError = why.slice(0, 500)
  return true
}

export function succeedRefund(tables: MoneyTables, id: string, facts: RefundFacts): boolean {
  const row = tables.refunds.get(id)
  if (row?.state !== 'pending' || row.amount !== facts.amount) return false
  Object.assign(row, { state: 'succeeded', providerId: facts.id, lastError: null })
  const { checkoutId } = row
  const payment = tables.payments.get(checkoutId)
  const order = tables.orders.get(checkoutId)
  if (payment) payment.refunded += row.amount
  const whole = payment?.refunded === payment?.captured
  if (whole && order && mayMove(order, 'refund', 'refunded')) {
    tables.tellHistory(checkoutId, orderWord(order.state) ?? '', 'refunded')
    order.state = 'refunded'
  }
  tables.tell({ topic: 'payment.refunded', key: id, payload: { orderId: checkoutId } })
  return true
}

/** The bank returned it: the order is again what it was. */
export function takeRefundBack(tables: MoneyTables, id: string, why: string): boolean {
  const row = tables.refunds.get(id)
  if (row?.state !== 'succeeded') return false
  Object.assign(row, { state: 'failed', lastError: why })
  tables.tell({ topic: 'payment.refund_failed', key: id, payload: {} })
  const payment = tables.payments.get(row.checkoutId)
  const order = tables.orders.get(row.checkoutId)
  if (payment) {
    payment.refunded -= row.amount
    payment.flagged = why
  }
  const before = tables.history.findLast(
    ({ orderId, to }) => orderId === row.checkoutId && to === 'refunded',
  )
  if (before && order && mayMove(order, 'bank', 'cancelled')) {
    const failed = order.outcome === 'payment_failed'
    order.state = failed ? 'payment_failed' : (before.from as typeof order.state)
    tables.tellHistory(row.checkoutId, 'refunded', orderWord(order.state) ?? '')
  }
  return true
}
