import { composeMessage, type Message } from './compose.ts'
import type { OrderFacts } from './order-facts.ts'

/** The payment failed for good, and the units went back. */
export function paymentFailed(order: OrderFacts): Message {
  return composeMessage(order, {
    subject: `The payment for order ${order.number} failed`,
    before: ['We could not take the payment for this order, so it is cancelled:'],
    after: [
      'You have not been charged. Should your bank show a charge after all, it is given back in full by itself.',
      'What you chose is for sale again: you are welcome to try once more.',
    ],
  })
}
