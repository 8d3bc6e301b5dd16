import { composeMessage, type Message } from './compose.ts'
import type { OrderFacts } from './order-facts.ts'

/** The time to pay is over. */
export function expired(order: OrderFacts): Message {
  return composeMessage(order, {
    subject: `The time to pay for order ${order.number} is over`,
    before: ['We kept these for you, but they were not paid for in time:'],
    after: ['They are for sale again. You have not been charged.'],
  })
}
