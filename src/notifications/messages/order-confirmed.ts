import { composeMessage, type Message } from './compose.ts'
import type { OrderFacts } from './order-facts.ts'

/** The order is paid. */
export function orderConfirmed(order: OrderFacts): Message {
  return composeMessage(order, {
    subject: `Order ${order.number} is confirmed`,
    before: ['Thank you for your order. It is paid, and what you ordered is yours:'],
    after: ['We will send it on its way soon.'],
  })
}
