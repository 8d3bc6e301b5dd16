/** All scenarios of one strategy on freshly started servers, each between two baselines. */
import { randomBytes } from 'node:crypto'
import type { BenchContext, Scenario } from './ground/context.ts'
import { loadLine } from './ground/context.ts'
import type { Ground } from './ground/ground.ts'
import type { BenchOptions, ScenarioName } from './ground/options.ts'
import type { Progress } from './ground/progress.ts'
import { perSecond, round, type ScenarioResult } from './ground/results.ts'
import { createSku, openGate } from './ground/stock.ts'
import { judgeGuarantees } from './judge.ts'
import { runLoad } from './load/load.ts'
import type { StrategyRun } from './plan.ts'
import { baseline, runBaseline } from './scenarios/baseline.ts'
import { bodyFor, checkoutPath } from './scenarios/buying.ts'
import { cartUpdates } from './scenarios/cart.ts'
import { hotSku } from './scenarios/hot-sku.ts'
import { productList } from './scenarios/list.ts'
import { mailbox } from './scenarios/mailbox.ts'
import { multiSku } from './scenarios/multi-sku.ts'
import { paced } from './scenarios/paced.ts'
import { productPage } from './scenarios/product-page.ts'
import { purchase } from './scenarios/purchase.ts'
import { search } from './scenarios/search.ts'
import { single } from './scenarios/single.ts'
import { soldOut } from './scenarios/sold-out.ts'
import { webhook } from './scenarios/webhook.ts'
import { winners } from './scenarios/winners.ts'

const scenarios: Record<ScenarioName, Scenario> = {
  baseline,
  'hot-sku': hotSku,
  'sold-out': soldOut,
  paced,
  single,
  mailbox,
  purchase,
  webhook,
  winners,
  cart: cartUpdates,
  'multi-sku': multiSku,
  'product-page': productPage,
  search,
  list: productList,
}

const warmUpMs = 3_000
/** Baselines before and after a scenario may differ by this factor. */
const spreadMax = 1.2

export interface RunDeps {
  readonly options: BenchOptions
  readonly ground: Ground
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Runs a strategy's scenarios in order, judges the guarantees after each, and adds to `results`. */
export async function runStrategy(
  run: StrategyRun,
  deps: RunDeps,
  results: ScenarioResult[],
): Promise<void> {
  const { ground, progress, signal } = deps
  const settings = { ...ground.settings, STOCK_STRATEGY: run.strategy }
  await ground.servers?.start(settings)
  const context: BenchContext = {
    options: deps.options,
    strategy: run.strategy,
    url: ground.servers?.url ?? ground.targetUrl,
    access: ground.access,
    servers: ground.servers,
    settings: { ...settings, ...ground.servers?.addresses },
    buyers: ground.buyers,
    progress,
    signal,
    load: async (what, job) => {
      const onProgress = (now: Parameters<typeof loadLine>[1]) =>
        progress.update(loadLine(what, now))
      const result = await runLoad({ ...job, url: context.url }, { onProgress, signal })
      ground.servers?.check()
      return result
    },
  }
  await warmUp(context)
  let before = await baselineRate(context)
  for (const name of run.scenarios) {
    const measured = await scenarios[name](context)
    const { verdict, notes, ...judged } = await judgeGuarantees(context, measured.stock)
    const breaches = [...(measured.breaches ?? []), ...judged.breaches]
    const after = name === 'baseline' ? measured.requestsPerSecond : await baselineRate(context)
    results.push({
      scenario: name,
      strategy: run.strategy,
      ...measured,
      notes: [...measured.notes, ...notes, ...baselineSpread(before, after)],
      baselineRequestsPerSecond: round((before + after) / 2, 1),
      steady: baselineSpread(before, after).length === 0,
      promises: breaches.length > 0 ? 'broken' : verdict,
      breaches,
    })
    progress.say(
      `${name} (${run.strategy}): done, guarantees ${breaches.length > 0 ? 'broken' : verdict}`,
    )
    before = after
  }
  await ground.servers?.stop()
}

/** Two baselines far apart mean that something else ran: the scenario between them is not to be trusted. */
export function baselineSpread(before: number, after: number): string[] {
  if (Math.max(before, after) <= Math.min(before, after) * spreadMax) return []
  return [
    `UNSTEADY: ${Math.round(before)} baseline requests/s before, ${Math.round(after)} after; was the machine busy?`,
  ]
}

async function baselineRate(context: BenchContext): Promise<number> {
  const load = await runBaseline(context)
  return perSecond(load.requests, load.seconds)
}

/** Code that has not run yet is slow: both routes run for a moment before anything is measured. */
async function warmUp(context: BenchContext): Promise<void> {
  const { access, options, buyers } = context
  const durationMs = Math.min(warmUpMs, options.durationSeconds * 500)
  const common = {
    tokens: buyers.tokens(),
    headers: {},
    connections: options.connections,
    durationMs,
  }
  await context.load('warm-up', { ...common, path: '/api/bench/baseline', body: bodyFor('WARM') })
  // On a shop that is not ours there is nothing to sell for the sake of warmth.
  if (!access) return
  const sku = `BENCH-WARM-${randomBytes(3).toString('hex')}`.toUpperCase()
  await createSku(access.pool, access.sellerId, sku, 50_000)
  if (context.strategy === 'actor') await openGate(access.redis, sku, context.signal)
  await context.load('warm-up', {
    ...common,
    path: checkoutPath,
    body: bodyFor(sku),
    stopAfterRefusals: 1,
  })
}
