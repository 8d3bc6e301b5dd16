/** Latencies with microseconds, where the load generator's own are whole milliseconds. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** Milliseconds. */
export interface LatencyMs {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** A point of the distribution: `percentile` from 0 to 100, latency in milliseconds. */
export type LatencyPoint = readonly [percentile: number, ms: number]

export const noLatency: LatencyMs = { p50: 0, p90: 0, p99: 0, max: 0 }

const highestUs = 600_000_000
const curve = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100]

export class LatencyRecorder {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: highestUs,
    figures: 3,
  })

  /** Takes one latency in milliseconds; fractions count. */
  record(ms: number): void {
    this.#histogram.record(Math.min(Math.max(1, Math.round(ms * 1000)), highestUs))
  }

  summary(): LatencyMs {
    if (this.#histogram.count === 0) return noLatency
    return { p50: this.#at(50), p90: this.#at(90), p99: this.#at(99), max: this.#max() }
  }

  /** The distribution at fixed percentiles, for charts. */
  points(): LatencyPoint[] {
    if (this.#histogram.count === 0) return []
    return curve.map((percentile) => [percentile, this.#at(percentile)])
  }

  // The histogram answers with the upper edge of a bucket, which may lie above the largest value seen.
  #at(percentile: number): number {
    return Math.min(this.#histogram.percentile(percentile) / 1000, this.#max())
  }

  #max(): number {
    return this.#histogram.max / 1000
  }
}
