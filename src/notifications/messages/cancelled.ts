import { composeMessage, type Message } from './compose.ts'
import type { OrderFacts } from './order-facts.ts'

/** The order was cancelled. */
export function cancelled(order: OrderFacts): Message {
  return composeMessage(order, {
    subject: `Order ${order.number} is cancelled`,
    before: ['This order is cancelled:'],
    after: ['If you had paid for it, the money goes back to you, and another mail tells you when.'],
  })
}
