/** What buyers and sellers do with orders that are paid, as src/flows/pay does it over PostgreSQL. */
import {
  decideOrderRefund,
  type OrderRefund,
} from '../../../src/flows/pay/money/decide-order-refund.ts'
import type { RefundBook } from '../../../src/flows/pay/money/refund-facts.ts'
import { requestRefund } from '../stores/change-money.ts'
import type { MemoryMoney } from '../stores/memory-money.ts'
import { commandOf, type MoneyTables, mayMove } from '../stores/money-tables.ts'
import type { SellersWish } from './money-plan.ts'

/** Less than any unit costs. */
const aLittle = 300

export class MoneyShop {
  /** Orders that their buyers cancelled after they had paid. */
  readonly cancelled = new Set<string>()
  /** Order and SKU → units that sellers took back. */
  readonly takenBack = new Map<string, number>()
  readonly #tables: MoneyTables
  readonly #store: MemoryMoney

  constructor(tables: MoneyTables, store: MemoryMoney) {
    this.#tables = tables
    this.#store = store
  }

  /** As src/flows/pay/cancel-order.ts. */
  async cancelOrder(id: string): Promise<void> {
    const order = this.#tables.orders.get(id)
    if (order?.state !== 'paid' || !mayMove(order, 'buyer', 'cancelled')) return
    order.state = 'cancelled'
    this.cancelled.add(id)
    requestRefund(this.#tables, id, 'cancelled')
    const lines = this.#tables
      .linesOf(id)
      .filter(({ stock }) => stock === 'held' || stock === 'sold')
    this.#tables.write(lines.map(({ sku }) => commandOf('return', sku, id)))
  }

  /** As src/flows/pay/refund-order.ts. */
  async refundOrder(id: string, wish: SellersWish): Promise<void> {
    const { decided } = await this.#store.changeRefunds(id, (book, freshId) =>
      decideOrderRefund(book, requestOf(book, wish), freshId),
    )
    for (const { sku, units } of decided.change?.back ?? []) {
      const line = `${id} ${sku}`
      this.takenBack.set(line, (this.takenBack.get(line) ?? 0) + units)
    }
  }
}

function requestOf(book: RefundBook, { sellerId, wants, restock }: SellersWish): OrderRefund {
  const first = book.lines.find((line) => sellerId === null || line.sellerId === sellerId)
  return {
    ...{ sellerId, restock, note: wants, asked: { by: 'somebody', key: '', fingerprint: '' } },
    lines: wants === 'a unit' ? [{ sku: first?.sku ?? '', quantity: 1 }] : null,
    amount: wants === 'an amount' ? aLittle : null,
  }
}
