/** Which facts become mails. A fact's consumer only notes the mail; another job sends it. */
import { appendOutboxRows, mailTopic, type OutboxEvent } from '../platform/outbox.ts'
import type { Consumer, Topics } from '../platform/outbox-handlers.ts'
import { noteConcernMails } from './concern-letters.ts'
import { noteSaleMails } from './sale-letters.ts'
import { textOf } from './text-of.ts'
import type { OrderMessage } from './true-words.ts'

/** One mail for each key of the topic; the key is an order's id unless the payload names the order. */
const messageOfTopic: Readonly<Record<string, OrderMessage>> = {
  'order.paid': 'order-confirmed',
  'payment.failed': 'payment-failed',
  'payment.refunded': 'refunded',
  'payment.refund_failed': 'refund-failed',
  'order.cancelled': 'cancelled',
  'checkout.expired': 'expired',
}

/** To be joined with the other consumers of the same topics. */
export const mailTopics: Topics = {
  ...Object.fromEntries(
    Object.entries(messageOfTopic).map(([topic, message]) => [
      topic,
      {
        inTransaction: [
          noteMails(message),
          ...(message === 'order-confirmed' ? [noteSaleMails] : []),
        ],
      },
    ]),
  ),
  'payment.concern': { inTransaction: [noteConcernMails] },
}

function noteMails(message: OrderMessage): Consumer {
  return async (tx, events) => {
    await appendOutboxRows(
      tx,
      events.map((event) => ({
        topic: mailTopic,
        key: `${message}:${event.key}`,
        payload: { ...event.payload, message, orderId: orderOf(event) },
      })),
    )
  }
}

function orderOf({ key, payload }: OutboxEvent): string {
  return textOf(payload, 'orderId') ?? textOf(payload, 'checkoutId') ?? key
}
