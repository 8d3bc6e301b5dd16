/**
 * What a worker does after a commit: tells those who wait, and decides checkouts over several SKUs.
 */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../../kernel/clock.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import type { PostGates } from '../../stock/gate/post-commands.ts'
import type { Committed } from '../../stock/owner/commit-pass.ts'
import type { Wakes } from '../../stock/ports.ts'
import { type Decided, decideAssemblies, giveUp } from './assembly.ts'
import { encodeReserved, encodeResults } from './results.ts'

/** For how long parts are awaited that may never come, because another worker has them. */
const elsewhereMs = 10

/** What a worker's listener is built from; `holdSeconds` is how long a buyer has to pay. */
export interface CommitListenerDeps {
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly wakes: Pick<Wakes, 'publishResults'>
  readonly holdSeconds: number
  readonly log: Logger
  readonly clock: Clock
}

/**
 * One for each worker; the owners of partitions call it. Gathers the assemblies whose parts were
 * committed, and decides them together. Throws nothing: what cannot be decided is logged, and a job
 * ends it at its deadline.
 */
export class CommitListener {
  readonly #deps: CommitListenerDeps
  /** Assemblies to look at, and those that the ledger refused a part of. */
  readonly #held = new Set<string>()
  readonly #refused = new Set<string>()
  /** Parts that are held and committed here, of assemblies that miss some. */
  readonly #parts = new Map<string, number>()
  #looking: Promise<void> | undefined

  constructor(deps: CommitListenerDeps) {
    this.#deps = deps
  }

  /** Told of each commit; returns at once. */
  committed(partition: number, committed: Committed): void {
    this.#tell(partition, encodeResults(committed))
    for (const { reserved, rejected } of committed.decisions) {
      for (const { key, checkoutId, parts } of reserved) {
        if (key === null) this.#note(checkoutId, parts)
      }
      for (const { reserve } of rejected)
        if (reserve.key === null) this.#refused.add(reserve.checkoutId)
    }
    this.#lookSoon()
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    for (const checkoutId of this.#parts.keys()) this.#held.add(checkoutId)
    this.#parts.clear()
    this.#lookSoon()
    await this.#looking
  }

  #tell(partition: number, message: string | undefined): void {
    if (message !== undefined) this.#deps.wakes.publishResults(partition, message)
  }

  #lookSoon(): void {
    if (this.#held.size + this.#refused.size > 0) this.#looking ??= this.#look()
  }

  // One statement decides all that came together; what comes meanwhile is next.
  async #look(): Promise<void> {
    const { pool, gates, holdSeconds, log } = this.#deps
    while (this.#held.size + this.#refused.size > 0) {
      const [whole, broken] = [[...this.#held], [...this.#refused]]
      this.#held.clear()
      this.#refused.clear()
      try {
        if (broken.length > 0) await giveUp({ pool, gates }, broken, 'refused by the ledger')
        if (whole.length > 0) this.#announce(await decideAssemblies(pool, whole, holdSeconds))
      } catch (error) {
        // Their deadline is kept by a job.
        log.warn(
          { err: error },
          'assemblies could not be decided; a job ends them at their deadline',
        )
      }
    }
    this.#looking = undefined
  }

  // To look before the last part is there is in vain. Parts that go to other workers are not
  // counted here: whoever misses some looks a moment after each of its own, so that one look comes
  // after the last.
  #note(checkoutId: string, of: number): void {
    const count = (this.#parts.get(checkoutId) ?? 0) + 1
    if (count >= of) {
      this.#parts.delete(checkoutId)
      this.#held.add(checkoutId)
      return
    }
    this.#parts.set(checkoutId, count)
    if (count > 1) return
    this.#deps.clock.after(elsewhereMs, () => {
      if (!this.#parts.delete(checkoutId)) return
      this.#held.add(checkoutId)
      this.#lookSoon()
    })
  }

  #announce(decided: readonly Decided[]): void {
    const byPartition = Map.groupBy(decided, ({ id }) => Number.parseInt(id.slice(15, 18), 16))
    for (const [partition, checkouts] of byPartition) {
      this.#tell(partition, encodeReserved((checkouts[0] as Decided).expires_at, checkouts))
    }
  }
}
