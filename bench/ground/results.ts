/** The shape of a result: the members of the public output, and some more for the report. */

import type { LoadResult } from '../load/job.ts'
import { type LatencyMs, type LatencyPoint, noLatency } from '../load/latency.ts'
import type { ScenarioName, StrategyName } from './options.ts'
import { noStock, type StockFigures } from './stock.ts'

export type Verdict = 'kept' | 'broken' | 'not judged'

/** What a scenario measured by itself; the runner adds baseline and verdict. */
export interface Measured {
  readonly connections: number
  readonly durationSeconds: number
  readonly requests: number
  readonly accepted: number
  readonly refused: number
  readonly errors: number
  readonly requestsPerSecond: number
  readonly committed: number
  readonly committedPerSecond: number
  readonly latencyMs: LatencyMs
  /** Left out where nothing was committed, or where commit times cannot be known. */
  readonly commitLatencyMs: Pick<LatencyMs, 'p50' | 'p99' | 'max'>
  readonly stock: StockFigures
  readonly latencyPoints: readonly LatencyPoint[]
  readonly statuses: Readonly<Record<string, number>>
  /** Further figures of this scenario, by name with the unit last. */
  readonly figures: Readonly<Record<string, number>>
  /** Sentences that a reader of the figures has to know. */
  readonly notes: readonly string[]
  /** One line for each count that is not what it must be; with one of them the scenario is broken. */
  readonly breaches?: readonly string[]
}

export interface ScenarioResult extends Measured {
  readonly scenario: ScenarioName
  readonly strategy: StrategyName
  readonly baselineRequestsPerSecond: number
  /** The baselines before and after agree; if not, something else ran and no ratio counts. */
  readonly steady: boolean
  readonly promises: Verdict
  /** One line for each broken guarantee. */
  readonly breaches: readonly string[]
}

export interface Machine {
  readonly cpus: number
  readonly cpu: string
  readonly memoryMb: number
  readonly node: string
  readonly redis: string
  readonly postgres: string
  /** Share of the CPUs that others used in the second before the run, 0 to 1. */
  readonly busyBefore: number
}

export interface BenchOutput {
  readonly machine: Machine
  readonly startedAt: string
  readonly parameters: {
    readonly connections: number
    readonly durationSeconds: number
    readonly stock: number
    readonly target: string | null
    /** The servers ran under a profiler: no figure of this run counts. */
    readonly profiled: boolean
  }
  readonly results: readonly ScenarioResult[]
  /** What ended the run before its last scenario; null when nothing did. */
  readonly failure: string | null
}

/** The part of a result that comes from the load alone. */
export function fromLoad(load: LoadResult, connections: number): Measured {
  return {
    connections,
    durationSeconds: round(load.seconds, 3),
    requests: load.requests,
    accepted: load.accepted,
    refused: load.refused,
    errors: load.errors,
    requestsPerSecond: perSecond(load.requests, load.seconds),
    committed: 0,
    committedPerSecond: 0,
    latencyMs: load.latencyMs,
    commitLatencyMs: noLatency,
    stock: noStock,
    latencyPoints: load.latencyPoints,
    statuses: load.statuses,
    figures: {},
    notes: [],
  }
}

export function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? round(count / seconds, 1) : 0
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
