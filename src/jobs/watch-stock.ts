import type { DatabasePool } from 'slonik'
import { noteRefusedStock } from '../audit/audit-log.ts'
import { watchStock } from '../notifications/stock-alerts.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** Looks at the ledger every few seconds, so that no checkout has to think of mails. */
export function watchStockJob(deps: { readonly pool: DatabasePool }): ScheduledJob {
  return {
    name: 'watch-stock',
    everyMs: 3_000,
    run: async () => {
      await watchStock(deps.pool)
      await noteRefusedStock(deps.pool)
    },
  }
}
