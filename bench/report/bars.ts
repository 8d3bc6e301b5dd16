/** What the project asks of itself, on two cores with the generator on the same machine. */
import { defaults } from '../ground/options.ts'
import type { BenchOutput, ScenarioResult } from '../ground/results.ts'

export interface BarVerdict {
  readonly measure: string
  readonly value: string
  readonly bar: string
  readonly met: boolean
  /** False: a scenario it was made of ran on an unsteady machine, so neither outcome counts. */
  readonly steady: boolean
}

type Results = Readonly<{
  actor(scenario: string): ScenarioResult | undefined
  pessimistic(scenario: string): ScenarioResult | undefined
}>

interface Bar {
  readonly measure: string
  readonly atLeast?: number
  readonly atMost?: number
  readonly unit: string
  /** Undefined when the run did not measure it. */
  value(results: Results): number | undefined
}

const ratio = (above: number | undefined, below: number | undefined): number | undefined =>
  above === undefined || !below ? undefined : above / below

const answered = (result: ScenarioResult | undefined) =>
  result && result.accepted > 0 ? result : undefined

const bars: readonly Bar[] = [
  {
    measure: 'hot-sku: committed orders/s ÷ baseline requests/s',
    atLeast: 0.4,
    unit: '',
    value: ({ actor }) => {
      const hot = actor('hot-sku')
      return ratio(hot?.committedPerSecond, hot?.baselineRequestsPerSecond)
    },
  },
  {
    measure: 'hot-sku: actor ÷ pessimistic, committed orders/s',
    atLeast: 10,
    unit: '',
    value: ({ actor, pessimistic }) =>
      ratio(actor('hot-sku')?.committedPerSecond, pessimistic('hot-sku')?.committedPerSecond),
  },
  {
    measure: 'hot-sku: oversold + undersold + errors',
    atMost: 0,
    unit: '',
    value: ({ actor }) => {
      const hot = actor('hot-sku')
      return hot && hot.stock.oversold + Math.abs(hot.stock.undersold) + hot.errors
    },
  },
  {
    measure: 'hot-sku: peak memory of the API',
    atMost: 300,
    unit: ' MB',
    value: ({ actor }) => actor('hot-sku')?.figures.apiRssPeakMb,
  },
  {
    measure: 'hot-sku: Redis for 100,000 buyers',
    atMost: 40,
    unit: ' MB',
    value: ({ actor }) => actor('hot-sku')?.figures.redisMbPer100kBuyers,
  },
  {
    measure: 'sold-out: refusals/s ÷ baseline requests/s',
    atLeast: 0.8,
    unit: '',
    value: ({ actor }) => {
      const gone = actor('sold-out')
      return ratio(gone && gone.refused / gone.durationSeconds, gone?.baselineRequestsPerSecond)
    },
  },
  {
    measure: 'paced at 2,000/s: request to commit, p99',
    atMost: 25,
    unit: ' ms',
    value: ({ actor }) => {
      const paced = actor('paced')
      return paced && paced.accepted > 0 ? paced.commitLatencyMs.p99 : undefined
    },
  },
  {
    measure: 'single: whole call with its commit, p50',
    atMost: 6,
    unit: ' ms',
    value: ({ actor }) => {
      const single = actor('single')
      return single && single.accepted > 0 ? single.latencyMs.p50 : undefined
    },
  },
  {
    measure: 'mailbox: commits/s ÷ FOR UPDATE orders/s',
    atLeast: 15,
    unit: '',
    value: ({ actor }) => {
      const mailbox = actor('mailbox')
      return ratio(mailbox?.committedPerSecond, mailbox?.figures.forUpdatePerSecond)
    },
  },
  {
    measure: 'purchase: confirmed purchases/s ÷ baseline requests/s',
    atLeast: 0.02,
    unit: '',
    value: ({ actor }) => {
      const paid = actor('purchase')
      return ratio(paid?.committedPerSecond, paid?.baselineRequestsPerSecond)
    },
  },
  {
    measure: 'webhook: stored events/s ÷ baseline requests/s',
    atLeast: 0.25,
    unit: '',
    value: ({ actor }) => {
      const events = actor('webhook')
      return ratio(events?.committedPerSecond, events?.baselineRequestsPerSecond)
    },
  },
  {
    measure: 'winners: time ÷ (winners ÷ the provider’s limit)',
    atMost: 1.2,
    unit: '',
    value: ({ actor }) => actor('winners')?.figures.timeToLimit,
  },
  {
    measure: 'cart: updates/s ÷ baseline requests/s',
    atLeast: 0.4,
    unit: '',
    value: ({ actor }) => {
      const cart = actor('cart')
      return ratio(cart && cart.accepted / cart.durationSeconds, cart?.baselineRequestsPerSecond)
    },
  },
  {
    measure: 'multi-sku: carts of five lines ÷ one-line checkouts, committed/s',
    atLeast: 0.2,
    unit: '',
    value: ({ actor }) => {
      const multi = actor('multi-sku')
      return ratio(multi?.committedPerSecond, multi?.figures.oneLinePerSecond)
    },
  },
  {
    measure: 'product-page: pages/s ÷ bare GET requests/s',
    atLeast: 0.7,
    unit: '',
    value: ({ actor }) => {
      const pages = actor('product-page')
      return ratio(pages?.requestsPerSecond, pages?.figures.bareGetPerSecond)
    },
  },
  {
    measure: 'search at 50/s: two filters and facets, p50',
    atMost: 25,
    unit: ' ms',
    value: ({ actor }) => answered(actor('search'))?.latencyMs.p50,
  },
  {
    measure: 'search at 50/s: two filters and facets, p99',
    atMost: 80,
    unit: ' ms',
    value: ({ actor }) => answered(actor('search'))?.latencyMs.p99,
  },
  {
    measure: 'list: page at item 10,000 ÷ first page, p50',
    atMost: 1.5,
    unit: '',
    value: ({ actor }) => {
      const list = actor('list')
      return ratio(list?.figures.deepPageP50Ms, list?.figures.firstPageP50Ms)
    },
  },
]

/** The bars that this run can be held against: none but with the default parameters on own servers. */
export function judgeBars(output: Pick<BenchOutput, 'parameters' | 'results'>): BarVerdict[] {
  const { connections, durationSeconds, stock, target, profiled } = output.parameters
  const asDefault =
    connections === defaults.connections &&
    durationSeconds === defaults.durationSeconds &&
    stock === defaults.stock &&
    target === null &&
    !profiled
  if (!asDefault) return []
  const of = (strategy: string) => (scenario: string) =>
    output.results.find((result) => result.strategy === strategy && result.scenario === scenario)
  const results = { actor: of('actor'), pessimistic: of('pessimistic') }
  const steady = ({ measure }: Bar) => {
    const [scenario = ''] = measure.split(/[: ]/)
    const made = [results.actor(scenario)]
    if (measure.includes('pessimistic')) made.push(results.pessimistic(scenario))
    return made.every((result) => result?.steady !== false)
  }
  return bars.flatMap((bar) => {
    const value = bar.value(results)
    return value === undefined ? [] : [verdict(bar, value, steady(bar))]
  })
}

function verdict(bar: Bar, value: number, steady: boolean): BarVerdict {
  const {
    measure,
    unit,
    atLeast = Number.NEGATIVE_INFINITY,
    atMost = Number.POSITIVE_INFINITY,
  } = bar
  return {
    measure,
    value: `${short(value)}${unit}`,
    bar: bar.atLeast === undefined ? `≤ ${atMost}${unit}` : `≥ ${atLeast}${unit}`,
    steady,
    met: value >= atLeast && value <= atMost,
  }
}

function short(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return value.toFixed(value < 10 ? 2 : 1)
}

/** How a verdict is written: an unsteady one is neither met nor not met. */
export function outcomeOf({ met, steady }: BarVerdict): string {
  if (!steady) return 'unsteady'
  return met ? 'met' : 'NOT MET'
}
