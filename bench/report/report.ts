/** The HTML report: one file, no script, nothing loaded from elsewhere. */

import type { BenchOutput, ScenarioResult } from '../ground/results.ts'
import { type BarVerdict, outcomeOf } from './bars.ts'
import { barChart, curveChart } from './charts.ts'
import { escapeHtml } from './html.ts'

/** The whole page. */
export function renderReport(output: BenchOutput, bars: readonly BarVerdict[]): string {
  const { machine, parameters, results, startedAt } = output
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice benchmark</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Sluice benchmark</h1>
<p>${escapeHtml(startedAt)} · ${machine.cpus} CPUs (${escapeHtml(machine.cpu)}) · Node ${escapeHtml(machine.node)} · PostgreSQL ${escapeHtml(machine.postgres)}
· Redis ${escapeHtml(machine.redis)}<br>${parameters.connections} connections · ${parameters.durationSeconds} s · stock ${parameters.stock}${
    parameters.target ? ` · target ${escapeHtml(parameters.target)}` : ''
  }. The load generator runs on the same machine: compare ratios, not absolute figures.</p>
${warnings(output)}
${verdictLine(results)}
${bars.length > 0 ? barTable(bars) : ''}
${committedChart(results)}
${requestChart(results)}
${latencyChart(results)}
<h2>Results</h2>
${resultTable(results)}
${results.map(detail).join('\n')}
</main>
</body>
</html>
`
}

function warnings({ machine, parameters, failure }: BenchOutput): string {
  const lines: string[] = []
  if (parameters.profiled) lines.push('The servers ran under a profiler: no figure counts.')
  if (machine.busyBefore > 0.1) {
    lines.push(
      `Others used ${Math.round(machine.busyBefore * 100)} % of the CPUs before the start: do not trust the figures.`,
    )
  }
  if (failure !== null) lines.push(`The run ended early: ${failure.split('\n', 1)[0]}`)
  return lines.map((line) => `<p class="bad">${escapeHtml(line)}</p>`).join('\n')
}

function verdictLine(results: readonly ScenarioResult[]): string {
  const broken = results.filter(({ promises }) => promises === 'broken')
  if (broken.length > 0) {
    return `<p class="bad">Guarantees broken in ${escapeHtml(broken.map(nameOf).join(', '))}.</p>`
  }
  const judged = results.some(({ promises }) => promises === 'kept')
  return judged
    ? '<p class="good">All guarantees kept.</p>'
    : '<p>The guarantees were not judged.</p>'
}

function barTable(bars: readonly BarVerdict[]): string {
  const rows = bars.map((verdict) => {
    const { measure, value, bar, met, steady } = verdict
    const style = !steady ? '' : met ? 'good' : 'bad'
    return `<tr><td>${escapeHtml(measure)}</td><td class="n">${escapeHtml(value)}</td><td class="n">${escapeHtml(bar)}</td>
<td class="${style}">${outcomeOf(verdict).toLowerCase()}</td></tr>`
  })
  return `<h2>Bars</h2>
<div class="wide"><table><thead><tr><th>measure</th><th class="n">value</th><th class="n">bar</th><th></th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
}

function committedChart(results: readonly ScenarioResult[]): string {
  const rows = results
    .filter(({ committedPerSecond }) => committedPerSecond > 0)
    .map((result) => ({ label: nameOf(result), values: [result.committedPerSecond] }))
  if (rows.length === 0) return ''
  return `<h2>Committed orders per second</h2>
${barChart({ title: 'Committed orders per second', series: ['committed/s'], rows })}`
}

function requestChart(results: readonly ScenarioResult[]): string {
  const rows = results
    .filter(({ requestsPerSecond, scenario }) => requestsPerSecond > 0 && scenario !== 'baseline')
    .map((result) => ({
      label: nameOf(result),
      values: [
        result.accepted / result.durationSeconds,
        result.refused / result.durationSeconds,
        result.baselineRequestsPerSecond,
      ],
    }))
  if (rows.length === 0) return ''
  return `<h2>Answers per second beside the baseline</h2>
${barChart({ title: 'Answers per second', series: ['accepted/s', 'refused/s', 'baseline/s'], rows })}`
}

function latencyChart(results: readonly ScenarioResult[]): string {
  const curves = results
    .filter(({ latencyPoints }) => latencyPoints.length > 0)
    .map((result) => ({ label: nameOf(result), points: result.latencyPoints }))
  if (curves.length === 0) return ''
  return `<h2>Latency of the whole call</h2>
${curveChart({ title: 'Latency by percentile, milliseconds', curves })}`
}

function resultTable(results: readonly ScenarioResult[]): string {
  const head = ['requests/s', 'accepted', 'refused', 'errors', 'committed', 'committed/s']
  const late = ['p50 ms', 'p99 ms', 'commit p50 ms', 'commit p99 ms', 'baseline/s']
  const number = (value: number) => `<td class="n">${whole(value)}</td>`
  const ms = (value: number) => `<td class="n">${value === 0 ? '–' : value.toFixed(2)}</td>`
  const rows = results.map(
    (
      result,
    ) => `<tr><td>${escapeHtml(nameOf(result))}</td>${number(result.requestsPerSecond)}${number(result.accepted)}
${number(result.refused)}${number(result.errors)}${number(result.committed)}${number(result.committedPerSecond)}
${ms(result.latencyMs.p50)}${ms(result.latencyMs.p99)}${ms(result.commitLatencyMs.p50)}${ms(result.commitLatencyMs.p99)}
${number(result.baselineRequestsPerSecond)}<td class="${result.promises === 'broken' ? 'bad' : ''}">${escapeHtml(result.promises)}</td></tr>`,
  )
  return `<div class="wide"><table><thead><tr><th>scenario</th>${[...head, ...late].map((name) => `<th class="n">${name}</th>`).join('')}<th>guarantees</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
}

function detail(result: ScenarioResult): string {
  const { stock, figures, notes, breaches } = result
  const lines: string[] = []
  if (stock.initial > 0) {
    lines.push(
      `stock ${stock.initial} = ${stock.free} free + ${stock.held} held + ${stock.sold} sold; oversold ${stock.oversold}, undersold ${stock.undersold}`,
    )
  }
  for (const [name, value] of Object.entries(figures)) lines.push(`${name}: ${value}`)
  lines.push(...notes)
  const items = [
    ...lines.map((line) => `<li>${escapeHtml(line)}</li>`),
    ...breaches.map((line) => `<li class="bad">${escapeHtml(line)}</li>`),
  ]
  if (items.length === 0) return ''
  return `<h3>${escapeHtml(nameOf(result))}</h3><ul>${items.join('\n')}</ul>`
}

const nameOf = ({ scenario, strategy }: ScenarioResult) => `${scenario} (${strategy})`
const whole = (value: number) => Math.round(value).toLocaleString('en-US')

const style = `
:root { color-scheme: light dark; --ink: #1c2126; --soft: #68727d; --line: #d7dce1; --page: #fff;
  --s0: #1f6feb; --s1: #c2571a; --s2: #8b949e; --s3: #2f8f4e; --s4: #8250c4; --s5: #b83280; --s6: #0f8b8d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #98a2ad; --line: #333b44; --page: #14181c;
  --s0: #58a6ff; --s1: #f0883e; --s2: #8b949e; --s3: #56c271; --s4: #b68cf0; --s5: #f07fb8; --s6: #4fc4c6; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin-bottom: 0; }
p { color: var(--soft); } .good { color: var(--s3); } .bad { color: #d1242f; font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } .n { text-align: right; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .grid { stroke: var(--line); }
${[0, 1, 2, 3, 4, 5, 6].map((n) => `.f${n} { fill: var(--s${n}); } .l${n} { stroke: var(--s${n}); fill: none; stroke-width: 2; }`).join('\n')}
`
