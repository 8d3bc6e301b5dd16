/** What the machine could do at best: the same requests to a route with no work behind it. */
import type { BenchContext, Scenario } from '../ground/context.ts'
import { fromLoad } from '../ground/results.ts'
import type { LoadResult } from '../load/job.ts'
import { bodyFor, demoSku } from './buying.ts'

const path = '/api/bench/baseline'
const secondsMax = 4

/** One run of at most four seconds with the buyers, headers and bodies of the other scenarios. */
export async function runBaseline(context: BenchContext): Promise<LoadResult> {
  const load = await context.load('baseline', {
    path,
    tokens: context.buyers.tokens(),
    body: bodyFor(demoSku),
    headers: {},
    connections: context.options.connections,
    durationMs: Math.min(secondsMax, context.options.durationSeconds) * 1000,
  })
  if (load.accepted === 0) {
    throw new Error(`POST ${path} was never answered well: ${JSON.stringify(load.statuses)}`)
  }
  return load
}

/** The baseline as a scenario of its own. */
export const baseline: Scenario = async (context) =>
  fromLoad(await runBaseline(context), context.options.connections)
