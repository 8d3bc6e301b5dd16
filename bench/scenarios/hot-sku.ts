/** Everybody buys one unit of one SKU, as fast as they are answered, until it is sold out. */
import type { Scenario } from '../ground/context.ts'
import { forgetPeak, peakRssMb, redisUsedBytes } from '../ground/memory.ts'
import { round } from '../ground/results.ts'
import { bodyFor, checkoutPath, heldUnits, measureCommits, prepareSku } from './buying.ts'

export const hotSku: Scenario = async (context) => {
  const { options, access, servers } = context
  const sku = await prepareSku(context, 'HOT', options.stock)
  const held = await heldUnits(context, sku)
  const api = servers?.pidOf('api')
  if (api !== undefined) forgetPeak(api)
  const redisBefore = access ? await redisUsedBytes(access.redis) : 0
  const load = await context.load(`hot-sku (${context.strategy})`, {
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: bodyFor(sku),
    headers: {},
    connections: options.connections,
    durationMs: options.durationSeconds * 2_000,
    // Each connection has heard it once: it is sold out.
    stopAfterRefusals: options.connections,
  })
  const rss = api === undefined ? undefined : peakRssMb(api)
  const measured = await measureCommits(context, sku, load, held)
  const figures: Record<string, number> = {}
  if (rss !== undefined) figures.apiRssPeakMb = round(rss, 1)
  if (access && context.strategy === 'actor' && measured.committed > 0) {
    const bytes = Math.max(0, (await redisUsedBytes(access.redis)) - redisBefore)
    figures.redisMbPer100kBuyers = round((bytes / measured.committed) * 0.1, 1)
  }
  const soldOut = load.refused >= options.connections
  return {
    ...measured,
    figures: { ...figures, soldOut: soldOut ? 1 : 0 },
    notes: soldOut
      ? measured.notes
      : [...measured.notes, `not sold out after ${options.durationSeconds * 2} s`],
  }
}
