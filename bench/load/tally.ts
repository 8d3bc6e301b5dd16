import type { LoadProgress, LoadResult } from './job.ts'
import { LatencyRecorder } from './latency.ts'

/** Counts answers. Accepted (2xx), refused (409) and errors (all else) are never added up. */
export class Tally {
  readonly #statuses = new Map<number, number>()
  readonly #latency = new LatencyRecorder()
  readonly #startedAtMs: number
  readonly #startedAt: number
  #lastAnswerAt: number
  #accepted = 0
  #refused = 0
  #errors = 0

  constructor() {
    this.#startedAt = performance.now()
    this.#lastAnswerAt = this.#startedAt
    this.#startedAtMs = performance.timeOrigin + this.#startedAt
  }

  get refused(): number {
    return this.#refused
  }

  /** One answer: its status, and how long it took in milliseconds. */
  answer(status: number, ms: number): void {
    this.#lastAnswerAt = performance.now()
    this.#latency.record(ms)
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    if (status >= 200 && status < 300) this.#accepted += 1
    else if (status === 409) this.#refused += 1
    else this.#errors += 1
  }

  /** One request that got no answer. */
  failure(): void {
    this.#statuses.set(0, (this.#statuses.get(0) ?? 0) + 1)
    this.#errors += 1
  }

  progress(): LoadProgress {
    return {
      requests: this.#accepted + this.#refused + this.#errors,
      accepted: this.#accepted,
      refused: this.#refused,
      errors: this.#errors,
    }
  }

  result(): LoadResult {
    return {
      ...this.progress(),
      seconds: (this.#lastAnswerAt - this.#startedAt) / 1000,
      startedAtMs: this.#startedAtMs,
      latencyMs: this.#latency.summary(),
      latencyPoints: this.#latency.points(),
      statuses: Object.fromEntries(this.#statuses),
    }
  }
}
