import type { DatabasePool } from 'slonik'
import { forgetOldWebhooks } from '../payments/webhook-events.ts'
import { forgetDoneEvents } from '../platform/outbox.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** Long enough for whoever sends an event again, and for whoever asks what happened. */
const keptDays = 30
const perStatement = 5_000
/** Statements of one run, at most; what is left is forgotten by the next. */
const statementsMax = 40

/** Deletes events and webhooks that are long done. */
export function forgetOldJob(deps: { readonly pool: DatabasePool }): ScheduledJob {
  return {
    name: 'forget-old',
    everyMs: 10 * 60_000,
    run: async () => {
      await untilFew((limit) => forgetDoneEvents(deps.pool, { days: keptDays, limit }))
      await untilFew((limit) => forgetOldWebhooks(deps.pool, { days: keptDays, limit }))
    },
  }
}

async function untilFew(forget: (limit: number) => Promise<number>): Promise<void> {
  for (let i = 0; i < statementsMax; i++) if ((await forget(perStatement)) < perStatement) return
}
