/** A steady 2,000 checkouts a second that wait for their commit: what a buyer feels below saturation. */
import type { Scenario } from '../ground/context.ts'
import { noLatency } from '../load/latency.ts'
import { bodyFor, checkoutPath, heldUnits, measureCommits, prepareSku, waiting } from './buying.ts'

const ratePerSecond = 2_000

export const paced: Scenario = async (context) => {
  const { options } = context
  const sku = await prepareSku(context, 'PACED', ratePerSecond * options.durationSeconds + 1_000)
  const held = await heldUnits(context, sku)
  const load = await context.load(`paced at ${ratePerSecond}/s`, {
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: bodyFor(sku),
    headers: waiting,
    connections: options.connections,
    durationMs: options.durationSeconds * 1_000,
    ratePerSecond,
  })
  const measured = await measureCommits(context, sku, load, held)
  const { p50, p99, max } = load.latencyMs
  const lateness = load.latenessMs ?? noLatency
  const notCommitted = load.accepted - (load.statuses['201'] ?? 0)
  return {
    ...measured,
    commitLatencyMs: { p50, p99, max },
    figures: {
      ratePerSecond,
      generatorLatenessP99Ms: lateness.p99,
      admissionToCommitP99Ms: measured.commitLatencyMs.p99,
      acceptedNotYetCommitted: notCommitted,
    },
    notes: [
      ...measured.notes,
      'commit latency: from the moment the request was due to its 201, so the generator’s own lateness is in it',
    ],
  }
}
