/** What a scenario works with. */

import type { LoadJob, LoadProgress, LoadResult } from '../load/job.ts'
import type { Buyers } from './buyers.ts'
import type { BenchOptions, StrategyName } from './options.ts'
import type { Progress } from './progress.ts'
import type { Measured } from './results.ts'
import type { Servers } from './servers.ts'
import type { Stores } from './stock.ts'

/** Stores and servers that this run owns or was given access to. */
export interface Access extends Stores {
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Account that owns the products of the bench. */
  readonly sellerId: string
}

export interface BenchContext {
  readonly options: BenchOptions
  readonly strategy: StrategyName
  /** Origin of the API. */
  readonly url: string
  /** Undefined with a target whose stores are not known. */
  readonly access: Access | undefined
  /** Undefined with a target: its processes are not ours. */
  readonly servers: Servers | undefined
  /** Settings that the worker is started with, when it is ours. */
  readonly settings: Readonly<Record<string, string>>
  readonly buyers: Buyers
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Runs one job of load against the API; `what` stands in the progress line. */
  load(what: string, job: Omit<LoadJob, 'url'>): Promise<LoadResult>
}

export type Scenario = (context: BenchContext) => Promise<Measured>

export function loadLine(what: string, progress: LoadProgress): string {
  const { accepted, refused, errors } = progress
  return `${what}: ${accepted} accepted, ${refused} refused${errors > 0 ? `, ${errors} errors` : ''}`
}
