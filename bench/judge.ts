import type { BenchContext } from './bench-context.ts'
import type { Verdict } from './results.ts'
import type { StockFigures } from './stock.ts'

/** The verdict on the promises after a scenario, with one line per breach. */
export async function judgePromises(
  context: BenchContext,
  stock: StockFigures,
): Promise<{ verdict: Verdict; breaches: string[] }> {
  if (!context.access) return { verdict: 'not judged', breaches: [] }
  const breaches: string[] = []
  if (stock.oversold > 0) breaches.push(`${stock.oversold} units oversold`)
  if (stock.undersold !== 0) breaches.push(`${stock.undersold} units stranded`)
  return { verdict: breaches.length > 0 ? 'broken' : 'kept', breaches }
}
