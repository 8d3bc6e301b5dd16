/** What the outbox asks of payments. */
import { cancelTopic } from '../../platform/outbox.ts'
import { eachOutside, type Topics } from '../../platform/outbox-handlers.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import { cancelIntent } from './cancel-intent.ts'
import type { MoneyDeps } from './money-deps.ts'

/** Handlers of the outbox topics that belong to payments. */
export function paymentTopics(deps: MoneyDeps): Topics {
  return {
    [cancelTopic]: {
      outside: eachOutside(async ({ payload }) => {
        if (typeof payload.checkoutId !== 'string') {
          throw new PermanentFailure('the event names no checkout')
        }
        await cancelIntent(deps, payload.checkoutId)
      }),
    },
  }
}
