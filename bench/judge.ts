import { loadConfig, requireStores } from '../src/config/config.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { checkGuarantees } from '../src/ops/guarantees.ts'
import type { BenchContext } from './ground/context.ts'
import type { Verdict } from './ground/results.ts'
import type { StockFigures } from './ground/stock.ts'

export interface Judgement {
  readonly verdict: Verdict
  readonly breaches: readonly string[]
  /** What could not be checked and is therefore neither kept nor broken. */
  readonly notes: readonly string[]
}

/**
 * The verdict after a scenario: every guarantee of the design by the checks that `npm run verify` uses, and
 * the scenario's own two stock figures. One line per breach. Without stores nothing is judged.
 */
export async function judgeGuarantees(
  context: BenchContext,
  stock: StockFigures,
): Promise<Judgement> {
  const { access, settings } = context
  if (!access) return { verdict: 'not judged', breaches: [], notes: [] }
  const breaches: string[] = []
  const notes: string[] = []
  if (stock.oversold > 0) breaches.push(`${stock.oversold} units oversold`)
  if (stock.undersold !== 0) breaches.push(`${stock.undersold} units stranded`)
  context.progress.update('judging the guarantees')
  const config = requireStores(
    loadConfig({ ...settings, DATABASE_URL: access.databaseUrl, REDIS_URL: access.redisUrl }),
  )
  const { pool, redis } = access
  const { kept, promises } = await checkGuarantees({
    clock: systemClock,
    pool,
    redis,
    config,
    note: (sentence) => notes.push(`not checked: ${sentence}`),
  })
  for (const guarantee of promises.filter((each) => !each.kept)) {
    const [first = 'no details'] = guarantee.breaches
    breaches.push(
      `guarantee ${guarantee.id}, ${guarantee.name}: ${first} (${guarantee.breaches.length} in all)`,
    )
  }
  return { verdict: kept && breaches.length === 0 ? 'kept' : 'broken', breaches, notes }
}
