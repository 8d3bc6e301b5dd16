import type { BenchOptions, ScenarioName, StrategyName } from './ground/options.ts'

export interface StrategyRun {
  readonly strategy: StrategyName
  readonly scenarios: readonly ScenarioName[]
}

/** There is no mailbox without the actor, and webhooks, carts and lists are the same with any strategy. */
const actorOnly: readonly ScenarioName[] = [
  'mailbox',
  'webhook',
  'winners',
  'cart',
  'product-page',
  'search',
  'list',
]
/** Nobody else's worker is ours to stop, nor their buyers' carts to fill; no invented payment is for their books. */
const ownOnly: readonly ScenarioName[] = ['mailbox', 'webhook', 'winners', 'cart', 'multi-sku']
/** What the other strategies run when nobody named them: the comparison, and nothing else. */
const comparison: readonly ScenarioName[] = ['hot-sku']

/**
 * Which scenarios run under which strategy. A target runs under its own strategy, whatever that is: it
 * is called by the first one named.
 */
export function planRuns(options: BenchOptions): StrategyRun[] {
  const { scenarios, strategies, strategiesNamed, target } = options
  if (target !== undefined) {
    const [strategy = 'actor'] = strategiesNamed ? strategies : []
    return withWork([{ strategy, scenarios: scenarios.filter((name) => !ownOnly.includes(name)) }])
  }
  return withWork(
    strategies.map((strategy) => ({
      strategy,
      scenarios: scenarios.filter((name) => {
        if (strategy === 'actor') return true
        if (actorOnly.includes(name)) return false
        return strategiesNamed || comparison.includes(name)
      }),
    })),
  )
}

function withWork(runs: StrategyRun[]): StrategyRun[] {
  return runs.filter(({ scenarios }) => scenarios.length > 0)
}
