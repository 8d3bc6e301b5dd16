/**
 * Everybody checks out a cart of five lines over five SKUs, each in a partition of its own, if chance wants
 * it so. Beside it one-line checkouts of one SKU with as many connections.
 */
import { systemClock } from '../../src/kernel/clock.ts'
import { fillCarts } from '../ground/carts.ts'
import type { Access, BenchContext, Scenario } from '../ground/context.ts'
import { commitsOf, countAssembling } from '../ground/orders.ts'
import { fromLoad, type Measured, perSecond } from '../ground/results.ts'
import { noStock, type StockFigures, stockFigures, waitUntilCommitted } from '../ground/stock.ts'
import { bodyFor, checkoutPath, measureCommits, prepareSku } from './buying.ts'

const connectionsMax = 32
const lines = 5
const commitMs = 60_000
const nobodyBefore = { available: 0, held: 0 }

export const multiSku: Scenario = async (context) => {
  const { options, access } = context
  if (!access) throw new Error('multi-sku: needs stores that are known')
  const connections = Math.min(connectionsMax, options.connections)
  const oneLine = await runOneLine(context, connections)
  const skus: string[] = []
  for (let i = 0; i < lines; i++) {
    skus.push(await prepareSku(context, `MULTI-${i}`, options.stock))
  }
  await fillCarts(access.redis, context.buyers.ids, skus)
  const load = await context.load('multi-sku', {
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: JSON.stringify({ fromCart: true }),
    headers: {},
    connections,
    durationMs: options.durationSeconds * 1_000,
    stopAfterRefusals: connections,
  })
  const decided = await untilDecided(context, access, skus, load.accepted)
  const commits = await commitsOf(access.pool, skus[0] as string)
  const seconds =
    commits.lastAtMs === null ? load.seconds : (commits.lastAtMs - load.startedAtMs) / 1000
  const stock = await Promise.all(skus.map((sku) => stockFigures(access, sku)))
  return {
    ...fromLoad(load, connections),
    committed: commits.committed,
    committedPerSecond: perSecond(commits.committed, seconds),
    commitLatencyMs: commits.latencyMs,
    stock: stock.reduce(add, noStock),
    figures: { oneLinePerSecond: oneLine.committedPerSecond },
    notes: decided ? [] : [`after ${commitMs / 1000} s some carts were not decided`],
  }
}

async function runOneLine(context: BenchContext, connections: number): Promise<Measured> {
  const sku = await prepareSku(context, 'ONE-LINE', context.options.stock)
  const load = await context.load('multi-sku, one line first', {
    path: checkoutPath,
    tokens: context.buyers.tokens(),
    body: bodyFor(sku),
    headers: {},
    connections,
    durationMs: context.options.durationSeconds * 500,
    stopAfterRefusals: connections,
  })
  return measureCommits(context, sku, load, nobodyBefore)
}

/** Waits for the commits of all parts, and for the decisions over them. */
async function untilDecided(
  context: BenchContext,
  access: Access,
  skus: readonly string[],
  units: number,
): Promise<boolean> {
  const { signal } = context
  for (const sku of skus) {
    if (!(await waitUntilCommitted(access, sku, { units, withinMs: commitMs, signal })))
      return false
  }
  const deadline = systemClock.monotonic() + commitMs
  while (systemClock.monotonic() < deadline) {
    if ((await countAssembling(access.pool)) === 0) return true
    await systemClock.sleep(50, signal)
    signal.throwIfAborted()
  }
  return false
}

function add(a: StockFigures, b: StockFigures): StockFigures {
  return {
    initial: a.initial + b.initial,
    free: a.free + b.free,
    held: a.held + b.held,
    sold: a.sold + b.sold,
    oversold: a.oversold + b.oversold,
    undersold: a.undersold + b.undersold,
  }
}
