import type { DatabasePool } from 'slonik'
import { expireHolds } from '../flows/pay/expire-holds.ts'
import type { ReservationStrategy } from '../flows/reserve/strategy.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** Every hold ends, at the latest one sweep after its deadline. */
export function expireHoldsJob(deps: {
  readonly pool: DatabasePool
  readonly strategy: Pick<ReservationStrategy, 'post'>
  readonly sweepSeconds: number
}): ScheduledJob {
  return {
    name: 'expire-holds',
    everyMs: deps.sweepSeconds * 1_000,
    run: () => expireHolds(deps.pool, deps.strategy),
  }
}
