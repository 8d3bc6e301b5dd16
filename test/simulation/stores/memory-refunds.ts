/** Refunds in memory, as src/payments/refunds.ts and src/flows/pay/money/refunds.ts have them. */
import assert from 'node:assert/strict'
import {
  corrections,
  type NewRefund,
  type RefundBook,
  type RefundChange,
  type RefundMove,
} from '../../../src/flows/pay/money/refund-facts.ts'
import type { RefundStore } from '../../../src/flows/pay/money/store.ts'
import { type OrderState, orderWord } from '../../../src/orders/order-words.ts'
import type { RefundFacts } from '../../../src/payments/gateway.ts'
import type { DueRefund } from '../../../src/payments/refunds.ts'
import type { StockCommand } from '../../../src/stock/protocol/messages.ts'
import { commandOf, type MoneyTables, mayMove, type RefundRow } from './money-tables.ts'

/** Pauses grow from a second to ten minutes. */
function isDue({ state, triedAtMs, attempts, againAtMs }: RefundRow, nowMs: number): boolean {
  if (state !== 'pending' || (againAtMs !== null && againAtMs > nowMs)) return false
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

function claimRefunds(tables: MoneyTables, max: number): DueRefund[] {
  const nowMs = tables.now()
  return dueRefunds(tables, max).map((row) => {
    row.attempts += 1
    row.triedAtMs = nowMs
    const { id, checkoutId, amount, providerId, attempts, origin } = row
    const { intentId, currency } = tables.payments.get(checkoutId) as {
      intentId: string
      currency: string
    }
    const ageSeconds = Math.round((nowMs - row.createdAtMs) / 1_000)
    const due = { id, checkoutId, amount, currency, intentId, providerId, attempts }
    return { ...due, ageSeconds, origin }
  })
}

/** As src/flows/pay/money/refund-book.ts reads them. */
function bookOf(tables: MoneyTables, checkoutId: string): RefundBook {
  const { order, payment } = tables.facts(checkoutId)
  const told = tables.history.findLast(
    (each) => each.orderId === checkoutId && each.to === 'refunded',
  )
  const failed = order?.outcome === 'payment_failed'
  const before = failed ? 'payment_failed' : ((told?.from ?? null) as OrderState | null)
  const nowMs = tables.now()
  return {
    ...{ checkoutId, payment },
    order: order && { ...order, before: order.state === 'refunded' ? before : null },
    refunds: tables.refundsOf(checkoutId).map(({ takenAtMs, againAtMs, ...row }) => ({
      ...row,
      takenSeconds: takenAtMs === null ? null : Math.round((nowMs - takenAtMs) / 1_000),
      due: row.state === 'failed' && againAtMs !== null && againAtMs <= nowMs,
    })),
    lines: tables.linesOf(checkoutId).map(({ sku, quantity, sellerId, unitPrice }) => ({
      ...{ sku, quantity, sellerId, unitPrice },
    })),
  }
}

/** As src/flows/pay/money/refunds.ts writes them: all of it, or nothing. */
function changeRefunds<T extends { readonly change: RefundChange | null }>(
  tables: MoneyTables,
  checkoutId: string,
  decide: (book: RefundBook, freshId: () => string) => T,
): { decided: T; commands: readonly StockCommand[] } {
  const book = bookOf(tables, checkoutId)
  const decided = decide(book, tables.ids)
  const { change } = decided
  if (!change) return { decided, commands: [] }
  expectSound(tables, checkoutId, change)
  for (const move of change.moves) moveRefund(tables, move)
  for (const refund of change.written) writeRefund(tables, checkoutId, refund)
  const payment = tables.payments.get(checkoutId)
  if (payment) payment.refunded = change.refunded
  if (payment) payment.flagged = change.flagged?.slice(0, 500) ?? payment.flagged
  const order = tables.orders.get(checkoutId)
  if (change.order && order) {
    const from = orderWord(order.state) ?? ''
    order.state = change.order.to
    tables.tellHistory(checkoutId, from, orderWord(order.state) ?? '')
  }
  for (const { id } of change.told) {
    tables.tell({ topic: 'payment.refunded', key: id, payload: { orderId: checkoutId } })
  }
  for (const { id } of corrections(book.refunds, change)) {
    tables.tell({ topic: 'payment.refund_failed', key: id, payload: {} })
  }
  const commands = tables.write(
    change.back.map(({ sku, units }) => commandOf('return', sku, checkoutId, units)),
  )
  return { decided, commands }
}

/** What PostgreSQL's constraints, and the table of moves, refuse. */
function expectSound(tables: MoneyTables, checkoutId: string, change: RefundChange): void {
  const states = new Map(tables.refundsOf(checkoutId).map((row) => [row.id, row]))
  const given = [
    ...[...states.values()].map(({ id, amount, state }) => ({
      amount,
      state: change.moves.findLast((move) => move.id === id && move.state)?.state ?? state,
    })),
    ...change.written,
  ].reduce((sum, { amount, state }) => (state === 'failed' ? sum : sum + amount), 0)
  const captured = tables.payments.get(checkoutId)?.captured ?? 0
  assert.ok(given <= captured, `${given} of ${captured} would go back`)
  assert.ok(change.refunded >= 0 && change.refunded <= captured)
  const order = tables.orders.get(checkoutId)
  if (change.order) assert.ok(order && mayMove(order, change.order.by, change.order.to))
}

function moveRefund(tables: MoneyTables, move: RefundMove): void {
  const row = tables.refunds.get(move.id)
  if (!row) return
  row.state = move.state ?? row.state
  row.providerId = move.providerId ?? row.providerId
  if (move.providerId !== undefined) row.takenAtMs ??= tables.now()
  if (move.error !== undefined) row.lastError = move.error?.slice(0, 500) ?? null
  if (move.againIn !== undefined) {
    row.againAtMs =
      move.againIn === null ? null : tables.now() + (move.againIn * 1_000) / tables.haste
  }
  row.nextId = move.nextId ?? row.nextId
}

function writeRefund(tables: MoneyTables, checkoutId: string, refund: NewRefund): void {
  const { id, origin, amount, state, reason } = refund
  const { providerId = null, note = null, sellerId = null, round = 0, lines = [] } = refund
  tables.refunds.set(id, {
    ...newRefund(id, checkoutId, amount, reason, tables.now()),
    ...{ origin, state, providerId, note, sellerId, round, lines },
    takenAtMs: providerId === null ? null : tables.now(),
  })
}

/** A pending one of the shop's. */
export function newRefund(
  id: string,
  checkoutId: string,
  amount: number,
  reason: string,
  createdAtMs: number,
): RefundRow {
  return {
    ...{ id, checkoutId, amount, reason, createdAtMs, origin: 'shop', state: 'pending' },
    ...{ providerId: null, note: null, sellerId: null, round: 0, lines: [], attempts: 0 },
    ...{ triedAtMs: null, takenAtMs: null, againAtMs: null, nextId: null, lastError: null },
  }
}

function checkoutOfRefund(
  tables: MoneyTables,
  { id, refundId, intentId }: Pick<RefundFacts, 'id' | 'refundId' | 'intentId'>,
): string | null {
  const rows = [...tables.refunds.values()]
  const row = tables.refunds.get(refundId ?? '') ?? rows.find((each) => each.providerId === id)
  const payments = [...tables.payments.values()]
  const payment = payments.find((each) => each.intentId !== null && each.intentId === intentId)
  return row?.checkoutId ?? payment?.checkoutId ?? null
}

export function failedRefundsDue(tables: MoneyTables, max: number): RefundRow[] {
  const nowMs = tables.now()
  return [...tables.refunds.values()]
    .filter(
      ({ state, againAtMs }) => state === 'failed' && againAtMs !== null && againAtMs <= nowMs,
    )
    .sort((a, b) => (a.againAtMs ?? 0) - (b.againAtMs ?? 0))
    .slice(0, max)
}

/** The part of the port MoneyStore that is about refunds. */
export class MemoryRefunds implements RefundStore {
  readonly #refundTables: MoneyTables

  constructor(tables: MoneyTables) {
    this.#refundTables = tables
  }

  async claimRefunds(max: number) {
    return claimRefunds(this.#refundTables, max)
  }

  async noteRefund(id: string, error: string) {
    const row = this.#refundTables.refunds.get(id)
    if (row?.state === 'pending') row.lastError = error.slice(0, 500)
  }

  async changeRefunds<T extends { readonly change: RefundChange | null }>(
    checkoutId: string,
    decide: (book: RefundBook, freshId: () => string) => T,
  ): Promise<{ decided: T; commands: readonly StockCommand[] }> {
    return changeRefunds(this.#refundTables, checkoutId, decide)
  }

  async checkoutOfRefund(refund: Pick<RefundFacts, 'id' | 'refundId' | 'intentId'>) {
    return checkoutOfRefund(this.#refundTables, refund)
  }

  async failedRefundsDue(max: number) {
    const due = failedRefundsDue(this.#refundTables, max)
    return due.map(({ id, checkoutId }) => ({ id, checkoutId }))
  }
}
