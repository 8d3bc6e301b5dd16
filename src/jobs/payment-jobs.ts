import type { MoneyDeps } from '../flows/pay/money-deps.ts'
import { reconcilePayments, resumeReclaims } from '../flows/pay/resume.ts'
import { runRefunds } from '../flows/pay/run-refunds.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** What keeps money moving when nobody waits for it. */
export function paymentJobs(deps: MoneyDeps): readonly ScheduledJob[] {
  return [
    { name: 'run-refunds', everyMs: 2_000, run: () => runRefunds(deps) },
    { name: 'resume-reclaims', everyMs: 5_000, run: () => resumeReclaims(deps) },
    { name: 'reconcile-payments', everyMs: 10_000, run: () => reconcilePayments(deps) },
  ]
}
