import type { DatabasePool } from 'slonik'
import { noteWords } from '../catalogue/note-words.ts'
import { refreshStockFlags } from '../catalogue/stock-flags.ts'
import type { ScheduledJob } from '../platform/queue/scheduled.ts'

/** What keeps searches up with the shop. */
export function catalogueJobs(deps: { readonly pool: DatabasePool }): readonly ScheduledJob[] {
  const { pool } = deps
  return [
    { name: 'stock-flags', everyMs: 1_000, run: () => refreshStockFlags(pool, 'opened') },
    // For units that moved where no gate was ever built: other strategies, and repairs by hand.
    { name: 'all-stock-flags', everyMs: 30_000, run: () => refreshStockFlags(pool, 'all') },
    { name: 'note-words', everyMs: 2_000, run: () => noteWords(pool) },
  ]
}
