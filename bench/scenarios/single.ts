/** One buyer on an idle system, who waits for the commit. */
import type { Scenario } from '../ground/context.ts'
import { bodyFor, checkoutPath, heldUnits, measureCommits, prepareSku, waiting } from './buying.ts'

const callsPerSecondMax = 3_000

export const single: Scenario = async (context) => {
  const { options } = context
  const sku = await prepareSku(context, 'SINGLE', callsPerSecondMax * options.durationSeconds)
  const held = await heldUnits(context, sku)
  const load = await context.load('single', {
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: bodyFor(sku),
    headers: waiting,
    connections: 1,
    durationMs: options.durationSeconds * 1_000,
  })
  const measured = await measureCommits(context, sku, load, held)
  const { p50, p99, max } = load.latencyMs
  return { ...measured, connections: 1, commitLatencyMs: { p50, p99, max } }
}
