import type { DatabasePool } from 'slonik'
import { giveBackOfBarred } from '../flows/account/give-back-all.ts'
import type { CancelCheckout } from '../flows/pay/cancel-checkout.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** What was on its way when its account was barred or erased is given back as well. */
export function giveBackJob(deps: {
  readonly pool: DatabasePool
  readonly cancelCheckout: CancelCheckout
}): ScheduledJob {
  return { name: 'give-back-of-barred', everyMs: 3_000, run: () => giveBackOfBarred(deps) }
}
