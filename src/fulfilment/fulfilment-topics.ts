/** What the outbox asks of fulfilment. */
import { eachInTransaction, type Topics } from '../platform/outbox-handlers.ts'
import { PermanentFailure } from '../platform/retries.ts'
import { planShipments } from './plan-shipments.ts'
import { locationsTopic, rerouteShipments } from './reroute.ts'

export const fulfilmentTopics: Topics = {
  // The key is the order's id.
  'order.paid': {
    inTransaction: [
      (tx, events) =>
        planShipments(
          tx,
          events.map(({ key }) => key),
        ),
    ],
  },
  [locationsTopic]: {
    inTransaction: [
      eachInTransaction((tx, { key, payload }) => {
        const { sellerId, after } = payload
        if (typeof sellerId !== 'string') {
          throw new PermanentFailure('the event names no seller')
        }
        // Of the key of a further page, the event that began it.
        const begin = key.split(':')[0] as string
        return rerouteShipments(tx, {
          key: begin,
          sellerId,
          after: typeof after === 'string' ? after : null,
        })
      }),
    ],
  },
}
