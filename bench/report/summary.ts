/** The tables at the end of a run. */

import type { BenchOutput, ScenarioResult } from '../ground/results.ts'
import { type BarVerdict, outcomeOf } from './bars.ts'

/** Everything a reader needs from the terminal, accepted and refused always apart. */
export function summarise(output: BenchOutput, bars: readonly BarVerdict[]): string {
  const { machine, parameters, results } = output
  const lines = [
    `${machine.cpus} CPUs · Node ${machine.node} · PostgreSQL ${machine.postgres} · Redis ${machine.redis}`,
    ...(machine.busyBefore > 0.1
      ? [
          `BUSY: others used ${Math.round(machine.busyBefore * 100)} % of the CPUs before the start; do not trust the figures`,
        ]
      : []),
    ...(parameters.profiled
      ? ['PROFILED: the servers ran under a profiler; no figure counts']
      : []),
    `${parameters.connections} connections · ${parameters.durationSeconds} s · stock ${parameters.stock}`,
    '',
    ...table(resultRows(results)),
  ]
  for (const result of results) {
    for (const note of figureNotes(result)) lines.push(`  ${nameOf(result)}: ${note}`)
    for (const breach of result.breaches) lines.push(`  ${nameOf(result)}: BROKEN: ${breach}`)
  }
  for (const [note, names] of namesByNote(results)) lines.push(`  ${names.join(', ')}: ${note}`)
  lines.push('')
  if (bars.length > 0) {
    const rows = bars.map((verdict) => [
      verdict.measure,
      verdict.value,
      verdict.bar,
      outcomeOf(verdict),
    ])
    lines.push(...table([['measure', 'value', 'bar', ''], ...rows]))
  } else {
    lines.push('No bars: they are set for the default parameters on servers of the bench’s own.')
  }
  return `${lines.join('\n')}\n`
}

const header = [
  'scenario',
  'strategy',
  'requests/s',
  'accepted',
  'refused',
  'errors',
  'committed',
  'committed/s',
  'p50 ms',
  'p99 ms',
  'commit p99',
  'baseline/s',
  'guarantees',
]

function resultRows(results: readonly ScenarioResult[]): string[][] {
  return [
    header,
    ...results.map((result) => [
      result.scenario,
      result.strategy,
      count(result.requestsPerSecond),
      count(result.accepted),
      count(result.refused),
      count(result.errors),
      count(result.committed),
      count(result.committedPerSecond),
      ms(result.latencyMs.p50),
      ms(result.latencyMs.p99),
      ms(result.commitLatencyMs.p99),
      count(result.baselineRequestsPerSecond),
      result.promises,
    ]),
  ]
}

/** What is to be said of several scenarios is said once. */
function namesByNote(results: readonly ScenarioResult[]): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const result of results) {
    for (const note of new Set(result.notes)) {
      names.set(note, [...(names.get(note) ?? []), nameOf(result)])
    }
  }
  return names
}

function figureNotes({ stock, figures, scenario }: ScenarioResult): string[] {
  const notes: string[] = []
  if (stock.initial > 0) {
    const { initial, free, held, sold, oversold, undersold } = stock
    notes.push(
      `stock ${initial} = ${free} free + ${held} held + ${sold} sold; oversold ${oversold}, undersold ${undersold}`,
    )
  }
  const shown = Object.entries(figures).filter(([name]) => name !== 'soldOut')
  if (shown.length > 0) notes.push(shown.map(([name, value]) => `${name} ${value}`).join(', '))
  if (figures.soldOut === 1 && scenario === 'hot-sku') notes.push('sold out')
  return notes
}

const nameOf = ({ scenario, strategy }: ScenarioResult) => `${scenario} (${strategy})`
const count = (value: number) => Math.round(value).toLocaleString('en-US')
const ms = (value: number) => (value === 0 ? '–' : value.toFixed(value < 10 ? 2 : 1))

/** Columns as wide as their widest cell; the first two to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const numeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^[\d,.–≤≥ MBms]*$/.test(row[column] ?? '')),
  )
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return numeric[column] ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const [first = [], ...rest] = rows
  return [format(first), widths.map((width) => '─'.repeat(width)).join('  '), ...rest.map(format)]
}
