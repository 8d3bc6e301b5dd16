/** What the outbox asks of payments. */
import { cancelTopic } from '../../platform/outbox.ts'
import { eachOutside, type Topics } from '../../platform/outbox-handlers.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import { cancelIntent } from './cancel-intent.ts'
import type { MoneyDeps } from './money-deps.ts'

/**
 * For the worker that handles the outbox: cancels the intents of checkouts that have ended. An
 * event without a checkout is parked at once (PermanentFailure); when the provider is away, it is
 * tried again.
 */
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
