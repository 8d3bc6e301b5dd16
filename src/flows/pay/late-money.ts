/**
 * Money that came after its hold had ended. An expired hold is honoured if its units can be had
 * again, all of them; else the money goes back.
 */
import { decideReclaim } from './money/decide-reclaim.ts'
import type { MoneyDeps } from './money-deps.ts'

/** How long to wait for the owners before a job looks again. Milliseconds. */
const reclaimMs = 3_000
const lookEveryMs = 40

/**
 * For late money and a job: decides about units that are taken again once their owners have answered.
 * Waits up to `waitMs` milliseconds, then false: a job looks again. Rejects when PostgreSQL is away.
 */
export async function finishReclaim(
  { store, strategy, clock }: Pick<MoneyDeps, 'store' | 'strategy' | 'clock'>,
  checkoutId: string,
  waitMs: number = reclaimMs,
): Promise<boolean> {
  const deadline = clock.monotonic() + waitMs
  for (;;) {
    const lines = await store.reclaimedLines(checkoutId)
    if (lines) {
      const { commands } = await store.change(checkoutId, (facts) => ({
        change: decideReclaim(facts, lines),
      }))
      if (commands.length > 0) await strategy.post(commands)
      return true
    }
    if (clock.monotonic() + lookEveryMs >= deadline) return false
    await clock.sleep(lookEveryMs)
  }
}
