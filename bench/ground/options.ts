/** The command line of `npm run bench`. */
import { readCommandLine, UsageError } from '../../src/system/command-line.ts'

export const scenarioNames = [
  'baseline',
  'hot-sku',
  'sold-out',
  'paced',
  'single',
  'mailbox',
  'purchase',
  'webhook',
  'winners',
  'cart',
  'multi-sku',
  'product-page',
  'search',
  'list',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const strategyNames = ['actor', 'pessimistic'] as const
export type StrategyName = (typeof strategyNames)[number]

export interface BenchOptions {
  /** In the order of {@link scenarioNames}, each once. */
  readonly scenarios: readonly ScenarioName[]
  readonly strategies: readonly StrategyName[]
  /** Strategies were named on the command line, so every scenario runs with each that it can. */
  readonly strategiesNamed: boolean
  readonly connections: number
  readonly durationSeconds: number
  readonly stock: number
  readonly json: string | undefined
  /** Where the HTML report goes; undefined: nowhere. */
  readonly report: string | undefined
  /** Folder for CPU profiles of API and worker; undefined: they run without a profiler. */
  readonly profile: string | undefined
  /** Origin of a running server; undefined: the bench starts its own. */
  readonly target: string | undefined
}

export const defaults = { connections: 64, durationSeconds: 8, stock: 50_000 } as const

const defaultReport = 'bench-report.html'

export const usage = `npm run bench -- [options]

  --scenario a,b     ${scenarioNames.join(', ')} (default: all)
  --strategy a,b     ${strategyNames.join(', ')} (default: actor everywhere, pessimistic beside it in hot-sku)
  --connections N    1 to 1000 connections of the load generator (default ${defaults.connections})
  --duration N       1 to 600 seconds for each scenario (default ${defaults.durationSeconds})
  --stock N          1 to 200000 units of the hot SKU (default ${defaults.stock})
  --json FILE        write the results as JSON
  --report FILE      write the HTML report there (default ${defaultReport}; "none" for no report)
  --target URL       measure a running server instead of starting one; stock and guarantees need its
                     DATABASE_URL and REDIS_URL, and tokens its JWT_SECRET
  --profile DIR      write CPU profiles of API and worker there; slows them, so no bars are judged
  --help             this text

Exit code: 0 all guarantees kept, 1 a guarantee is broken or the run failed, 2 wrong usage, 130 interrupted.`

/** Parses the words after `npm run bench --`; 'help' when asked for. @throws UsageError in one line. */
export function parseOptions(words: readonly string[]): BenchOptions | 'help' {
  const line = readCommandLine(words, { command: 'npm run bench', flags })
  if (line.help) return 'help'
  const strategy = line.value('strategy')
  const report = line.value('report')
  return {
    scenarios: list('--scenario', line.value('scenario'), scenarioNames),
    strategies: list('--strategy', strategy, strategyNames),
    strategiesNamed: strategy !== undefined,
    connections:
      whole('--connections', line.value('connections'), 1, 1_000) ?? defaults.connections,
    durationSeconds:
      whole('--duration', line.value('duration'), 1, 600) ?? defaults.durationSeconds,
    stock: whole('--stock', line.value('stock'), 1, 200_000) ?? defaults.stock,
    json: file('--json', line.value('json')),
    report: report === 'none' ? undefined : (file('--report', report) ?? defaultReport),
    target: origin(line.value('target')),
    profile: file('--profile', line.value('profile')),
  }
}

const text = { type: 'string' } as const
const flags = {
  scenario: text,
  strategy: text,
  connections: text,
  duration: text,
  stock: text,
  json: text,
  report: text,
  target: text,
  profile: text,
}

function list<Name extends string>(
  option: string,
  value: string | undefined,
  known: readonly Name[],
): Name[] {
  if (value === undefined) return [...known]
  const named = value.split(',').map((word) => word.trim())
  const unknown = named.find((word) => !(known as readonly string[]).includes(word))
  if (unknown !== undefined) {
    throw new UsageError(`${option}: "${unknown}" is none of ${known.join(', ')}`)
  }
  return known.filter((name) => named.includes(name))
}

function whole(
  option: string,
  value: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`${option}: "${value}" is not a whole number from ${min} to ${max}`)
}

function file(option: string, value: string | undefined): string | undefined {
  if (value === '') throw new UsageError(`${option}: the name of a file is missing`)
  return value
}

function origin(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`--target: "${value}" is not an http:// or https:// address`)
  }
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new UsageError(`--target: "${value}" must be scheme, host and port only`)
  }
  return url.origin
}
