import type { Clock } from '../../kernel/clock.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import { type Attempt, leaseSeconds, type MoneyStore } from './money/store.ts'

/** Three times in a lease: two renewals may fail. */
const renewEveryMs = (leaseSeconds * 1_000) / 3

/** What keeping leases needs, of one process. */
export interface LeasesDeps {
  readonly store: Pick<MoneyStore, 'lease'>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Keeps the leases of the attempts that this process drives, however long the bank takes: one statement
 * every 5 seconds for all of them, and none for those that are over by then. When the process dies, its
 * leases end by themselves and a worker takes its attempts over.
 */
export class Leases {
  readonly #deps: LeasesDeps
  /** Attempts, and since when they are driven. */
  readonly #driven = new Map<Attempt, number>()
  #ticking = false

  constructor(deps: LeasesDeps) {
    this.#deps = deps
  }

  /** Runs `drive`, and keeps the attempt's lease until it has settled. Rejects as `drive` does. */
  async during<T>(attempt: Attempt, drive: () => Promise<T>): Promise<T> {
    this.#driven.set(attempt, this.#deps.clock.monotonic())
    this.#tick()
    try {
      return await drive()
    } finally {
      this.#driven.delete(attempt)
    }
  }

  #tick(): void {
    if (this.#ticking) return
    this.#ticking = true
    this.#deps.clock.after(renewEveryMs, () => {
      this.#ticking = false
      if (this.#driven.size === 0) return
      void this.#renew().finally(() => this.#tick())
    })
  }

  async #renew(): Promise<void> {
    const { store, clock, log } = this.#deps
    const before = clock.monotonic() - renewEveryMs
    const long = [...this.#driven].filter(([, since]) => since <= before).map(([each]) => each)
    try {
      await store.lease(long, leaseSeconds)
    } catch (error) {
      log.warn({ err: error, attempts: long.length }, 'leases could not be renewed; trying again')
    }
  }
}
