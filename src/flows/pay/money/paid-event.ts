import type { OutboxRow } from '../../../platform/outbox.ts'

/** For the rules that pay an order: tells everybody that it is paid, once. Never throws. */
export const paidEvent = (orderId: string): OutboxRow => ({
  topic: 'order.paid',
  key: orderId,
  payload: { orderId },
})
