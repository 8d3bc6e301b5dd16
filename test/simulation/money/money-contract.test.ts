// The money of the simulation keeps to the contract of its port, as PostgreSQL does.
import assert from 'node:assert/strict'
import { newId } from '../../../src/kernel/ids.ts'
import { moneyStoreContract } from '../../integration/payments/money-store.suite.ts'
import { MemoryMoney } from '../stores/memory-money.ts'
import { MoneyTables } from '../stores/money-tables.ts'

moneyStoreContract('memory', async () => async () => {
  let now = 1_900_000_000_000
  const tables = new MoneyTables({ ids: newId, now: () => now })
  tables.units.set('MUG', { onHand: 100, free: 90 })
  return {
    store: new MemoryMoney(tables),
    async hold({ id, buyerId }, expiresInSeconds) {
      tables.orders.set(id, {
        ...{ id, buyerId, placed: true, state: 'reserved', outcome: null, reason: null },
        ...{ total: 500, currency: 'EUR', expiresAtMs: now + expiresInSeconds * 1_000 },
      })
      tables.lines.set(id, [
        ...[{ orderId: id, sku: 'MUG', sellerId: null, unitPrice: 500, quantity: 1, units: 1 }].map(
          (line) => ({ ...line, stock: 'held' as const }),
        ),
      ])
    },
    async pass(seconds) {
      now += seconds * 1_000
    },
    async answer(checkoutId, stock) {
      for (const line of tables.linesOf(checkoutId)) line.stock = stock
      for (const command of tables.commands) {
        if (command.checkoutId === checkoutId) command.done = true
      }
    },
    see: async (checkoutId) => seen(tables, checkoutId),
  }
})

function seen(tables: MoneyTables, id: string) {
  const order = tables.orders.get(id)
  const payment = tables.payments.get(id)
  assert.ok(order, `there is no ${id}`)
  const { state, outcome, reason } = order
  const refunds = tables.refundsOf(id)
  const keys = [id, ...refunds.map((refund) => refund.id)]
  return {
    ...{ state, outcome, reason },
    payment: payment
      ? {
          ...{ intentId: payment.intentId, status: payment.status, flagged: payment.flagged },
          ...{ captured: payment.captured, refunded: payment.refunded },
        }
      : null,
    attempts: tables
      .attemptsOf(id)
      .map(({ attempt, state: word, declineCode }) => ({ attempt, state: word, declineCode })),
    refunds: refunds.map(
      ({ id: refund, amount, reason: why, state: word, providerId, lastError }) => ({
        ...{ id: refund, amount, reason: why, state: word, providerId, error: lastError },
      }),
    ),
    stock: tables.linesOf(id).map(({ stock }) => stock),
    told: [...tables.told.values()]
      .filter(({ key }) => keys.includes(key))
      .map(({ topic }) => topic)
      .toSorted(),
    commands: tables.commands
      .filter(({ checkoutId }) => checkoutId === id)
      .map(({ kind }) => kind)
      .toSorted(),
  }
}
