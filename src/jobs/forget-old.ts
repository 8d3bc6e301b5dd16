import type { DatabasePool } from 'slonik'
import { forgetOldWebhooks } from '../payments/webhook-events.ts'
import { forgetDoneEvents } from '../platform/outbox.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** Long enough for whoever sends an event again, and for whoever asks what happened. */
const keptDays = 30
const perRun = 20_000

/** Deletes events and webhooks that are long done. */
export function forgetOldJob(deps: { readonly pool: DatabasePool }): ScheduledJob {
  return {
    name: 'forget-old',
    everyMs: 10 * 60_000,
    run: async () => {
      await forgetDoneEvents(deps.pool, { days: keptDays, limit: perRun })
      await forgetOldWebhooks(deps.pool, { days: keptDays, limit: perRun })
    },
  }
}
