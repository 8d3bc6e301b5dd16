/** The two charts of the report, as inline SVG. Colours come from the page's style sheet. */

import type { LatencyPoint } from '../load/latency.ts'
import { escapeHtml } from './html.ts'

export interface BarChart {
  readonly title: string
  readonly series: readonly string[]
  readonly rows: readonly { readonly label: string; readonly values: readonly number[] }[]
}

const width = 900
const left = 190
const right = 90
const colours = 7

/** Horizontal bars, grouped by row; values are written out, because lengths alone cannot be read. */
export function barChart({ title, series, rows }: BarChart): string {
  const thick = 16
  const gap = 14
  const top = series.length > 1 ? 34 : 8
  const rowHeight = series.length * thick + gap
  const largest = Math.max(...rows.flatMap(({ values }) => values), 1)
  const scale = (value: number) => (value / largest) * (width - left - right)
  const parts = series.length > 1 ? [legend(series)] : []
  rows.forEach(({ label, values }, row) => {
    const y = top + row * rowHeight
    parts.push(text(left - 10, y + (values.length * thick) / 2 + 4, label, 'end'))
    values.forEach((value, i) => {
      const at = y + i * thick
      parts.push(
        `<rect class="f${i % colours}" x="${left}" y="${at}" width="${scale(value).toFixed(1)}" height="${thick - 3}" rx="2"/>`,
        text(left + scale(value) + 6, at + thick - 5, Math.round(value).toLocaleString('en-US')),
      )
    })
  })
  return svg(title, top + rows.length * rowHeight, parts)
}

export interface CurveChart {
  readonly title: string
  readonly curves: readonly {
    readonly label: string
    readonly points: readonly LatencyPoint[]
  }[]
}

const percentiles = [10, 50, 90, 99, 99.9, 99.99]

/**
 * Latency over percentile, both on scales that open up the tail: each step to the right is ten times
 * rarer, each step up ten times slower.
 */
export function curveChart({ title, curves }: CurveChart): string {
  const height = 340
  const top = 20 + curves.length * 18
  const bottom = top + height
  const all = curves.flatMap(({ points }) => points.map(([, ms]) => ms)).filter((ms) => ms > 0)
  const low = Math.floor(Math.log10(Math.min(...all, 1)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all, 1))))
  const from = 72
  const x = (percentile: number) => from + (rarity(percentile) / rarity(100)) * (width - from - 30)
  const y = (ms: number) =>
    bottom - ((Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low)) * height
  const parts: string[] = curves.map(({ label }, i) => key(from + 10, 8 + i * 18, i, label))
  for (let power = low; power <= high; power += 1) {
    parts.push(grid(from, y(10 ** power), width - 30, y(10 ** power)))
    parts.push(text(from - 8, y(10 ** power) + 4, `${10 ** power} ms`, 'end', 'soft'))
  }
  for (const percentile of percentiles) {
    parts.push(grid(x(percentile), top, x(percentile), bottom))
    parts.push(text(x(percentile), bottom + 18, `p${percentile}`, 'middle', 'soft'))
  }
  parts.push(text(x(100), bottom + 18, 'max', 'middle', 'soft'))
  curves.forEach(({ points }, i) => {
    const line = points.map(([percentile, ms]) => `${x(percentile).toFixed(1)},${y(ms).toFixed(1)}`)
    parts.push(`<polyline class="l${i % colours}" points="${line.join(' ')}"/>`)
  })
  return svg(title, bottom + 28, parts)
}

/** How many powers of ten rarer than everything: p90 is 1, p99 is 2; the maximum stands at 4.5. */
function rarity(percentile: number): number {
  return percentile >= 100 ? 4.5 : -Math.log10(1 - percentile / 100)
}

function svg(title: string, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${Math.ceil(height)}" role="img" aria-label="${escapeHtml(title)}">\n${parts.join('\n')}\n</svg>`
}

function legend(series: readonly string[]): string {
  return series.map((label, i) => key(left + i * 130, 4, i, label)).join('')
}

function key(x: number, y: number, colour: number, label: string): string {
  return `<rect class="f${colour % colours}" x="${x}" y="${y}" width="12" height="12" rx="2"/>${text(x + 18, y + 10, label)}`
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1))
  return `<line class="grid" x1="${a}" y1="${b}" x2="${c}" y2="${d}"/>`
}

function text(x: number, y: number, words: string, anchor = 'start', style = ''): string {
  const kind = style === '' ? '' : ` class="${style}"`
  return `<text${kind} x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(words)}</text>`
}
