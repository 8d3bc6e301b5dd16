/** What the bench tells its load generator, and what it hears back. */
import type { LatencyMs, LatencyPoint } from './latency.ts'

export interface LoadJob {
  /** Origin of the server. */
  readonly url: string
  readonly path: string
  /** Access tokens; requests take them in turn. */
  readonly tokens: readonly string[]
  /** The same for every request. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  /** The load ends after this time at the latest. Milliseconds. */
  readonly durationMs: number
  /**
   * What a connection does again and again. Left out: one request, the same for everybody. `purchases`: a
   * checkout that waits for its commit, and its payment; accepted are those that were confirmed.
   * `webhooks`: an event of its own, signed with `webhookSecret`. `reads`: a GET of each of `paths` in
   * turn, by nobody in particular.
   */
  readonly kind?: 'requests' | 'purchases' | 'webhooks' | 'reads'
  readonly paths?: readonly string[]
  readonly webhookSecret?: string
  /** End early, once this many requests were refused (409). */
  readonly stopAfterRefusals?: number
  /** Requests per second on a fixed schedule; left out: each connection sends as fast as it is answered. */
  readonly ratePerSecond?: number
}

export interface LoadProgress {
  readonly requests: number
  readonly accepted: number
  readonly refused: number
  readonly errors: number
}

export interface LoadResult extends LoadProgress {
  /** From the first request sent to the last answer. Seconds. */
  readonly seconds: number
  /** When the first request left, by this machine's clock. Milliseconds since the epoch. */
  readonly startedAtMs: number
  readonly latencyMs: LatencyMs
  readonly latencyPoints: readonly LatencyPoint[]
  /** HTTP status → answers; 0: no answer (connection error or time-out). */
  readonly statuses: Readonly<Record<string, number>>
  /** How late requests left, measured against the schedule. Only for a fixed schedule. */
  readonly latenessMs?: LatencyMs
}

export type FromGenerator =
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'result'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string }
