import { formatMoney } from '../../kernel/currency.ts'
import { composeMessage, type Message } from './compose.ts'
import type { OrderFacts } from './order-facts.ts'

export interface RefundDetails {
  /** Minor units; null: the whole order. */
  readonly amount: number | null
  /** The payment came after its hold had ended. */
  readonly late: boolean
}

/** Money went back. */
export function refunded(order: OrderFacts, { amount, late }: RefundDetails): Message {
  const sum = formatMoney(amount ?? order.total, order.currency)
  return composeMessage(order, {
    subject: `Refund for order ${order.number}`,
    before: [
      ...(late
        ? ['Your payment arrived after the time to pay had ended, and the units were gone by then.']
        : []),
      `We have given ${sum} back to you for this order:`,
    ],
    after: ['Depending on your bank, it may take a few days until you see it.'],
  })
}
