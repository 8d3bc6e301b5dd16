/** What a worker does after a commit: tells those who wait, and decides checkouts over several SKUs. */
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

export interface CommitListener {
  committed(partition: number, committed: Committed): void
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

export function createCommitListener(deps: {
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly wakes: Pick<Wakes, 'publishResults'>
  readonly holdSeconds: number
  readonly log: Logger
  readonly clock: Clock
}): CommitListener {
  const { pool, gates, wakes, log, clock } = deps
  /** Assemblies to look at, and those that the ledger refused a part of. */
  const held = new Set<string>()
  const refused = new Set<string>()
  /** Parts that are held and committed here, of assemblies that miss some. */
  const parts = new Map<string, number>()
  let looking: Promise<void> | undefined

  const tell = (partition: number, message: string | undefined) => {
    if (message !== undefined) wakes.publishResults(partition, message)
  }
  // One statement decides all that came together; what comes meanwhile is next.
  const look = async () => {
    while (held.size + refused.size > 0) {
      const [whole, broken] = [[...held], [...refused]]
      held.clear()
      refused.clear()
      try {
        if (broken.length > 0) await giveUp({ pool, gates }, broken, 'refused by the ledger')
        if (whole.length > 0) announce(await decideAssemblies(pool, whole, deps.holdSeconds))
      } catch (error) {
        // Their deadline is kept by a job.
        log.warn(
          { err: error },
          'assemblies could not be decided; a job ends them at their deadline',
        )
      }
    }
    looking = undefined
  }
  const lookSoon = () => {
    if (held.size + refused.size > 0) looking ??= look()
  }
  // To look before the last part is there is in vain. Parts that go to other workers are not counted here:
  // whoever misses some looks a moment after each of its own, so that one look comes after the last.
  const note = (checkoutId: string, of: number) => {
    const count = (parts.get(checkoutId) ?? 0) + 1
    if (count >= of) {
      parts.delete(checkoutId)
      held.add(checkoutId)
      return
    }
    parts.set(checkoutId, count)
    if (count > 1) return
    clock.after(elsewhereMs, () => {
      if (!parts.delete(checkoutId)) return
      held.add(checkoutId)
      lookSoon()
    })
  }
  const announce = (decided: readonly Decided[]) => {
    const byPartition = Map.groupBy(decided, ({ id }) => Number.parseInt(id.slice(15, 18), 16))
    for (const [partition, checkouts] of byPartition) {
      tell(partition, encodeReserved((checkouts[0] as Decided).expires_at, checkouts))
    }
  }
  return {
    committed(partition, committed) {
      tell(partition, encodeResults(committed))
      for (const { reserved, rejected } of committed.decisions) {
        for (const { key, checkoutId, parts: of } of reserved) {
          if (key === null) note(checkoutId, of)
        }
        for (const { reserve } of rejected)
          if (reserve.key === null) refused.add(reserve.checkoutId)
      }
      lookSoon()
    },
    async idle() {
      for (const checkoutId of parts.keys()) held.add(checkoutId)
      parts.clear()
      lookSoon()
      await looking
    },
  }
}
