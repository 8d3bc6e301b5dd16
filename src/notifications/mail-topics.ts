/** Which facts become mails. A fact's consumer only notes the mail; another job sends it. */
import {
  appendOutboxRows,
  mailTopic,
  type OutboxEvent,
  type OutboxPayload,
} from '../platform/outbox.ts'
import type { Consumer, Topics } from '../platform/outbox-handlers.ts'

const messageNames = [
  'order-confirmed',
  'payment-failed',
  'refunded',
  'cancelled',
  'expired',
] as const
export type MessageName = (typeof messageNames)[number]

/** One mail for each key of the topic; the key is an order's id unless the payload names the order. */
const messageOfTopic: Readonly<Record<string, MessageName>> = {
  'order.paid': 'order-confirmed',
  'payment.failed': 'payment-failed',
  'payment.refunded': 'refunded',
  'order.cancelled': 'cancelled',
  'checkout.expired': 'expired',
}

/** To be joined with the other consumers of the same topics. */
export const mailTopics: Topics = Object.fromEntries(
  Object.entries(messageOfTopic).map(([topic, message]) => [
    topic,
    { inTransaction: [noteMails(message)] },
  ]),
)

function noteMails(message: MessageName): Consumer {
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

export function textOf(payload: OutboxPayload, member: string): string | undefined {
  const value = payload[member]
  return typeof value === 'string' ? value : undefined
}
