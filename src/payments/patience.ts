/** How long the shop goes on asking a provider that does not answer. Every loop here ends. */
import { backoffMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'

/** How often and how long {@link askPatiently} asks. Its times are milliseconds. */
export interface Patience {
  readonly tries: number
  /** For one try. */
  readonly tryMs: number
  /** For all tries and the pauses between them. */
  readonly totalMs: number
}

/** While a buyer waits in an API process. Milliseconds. */
export const confirmPatience: Patience = { tries: 4, tryMs: 2_500, totalMs: 5_500 }
/** In a job, which is run again. Milliseconds. */
export const jobPatience: Patience = { tries: 2, tryMs: 5_000, totalMs: 12_000 }

/**
 * Asks again while the answer is unknown, with growing pauses; returns the last answer. Charging
 * and the refund job ask so. `ask` gets its limit in ms; what it throws passes through.
 */
export async function askPatiently<T extends { readonly tag: string }>(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  patience: Patience,
  ask: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const deadline = clock.monotonic() + patience.totalMs
  for (let tried = 1; ; tried++) {
    const left = deadline - clock.monotonic()
    const answer = await ask(Math.max(1, Math.min(patience.tryMs, left)))
    if (answer.tag !== 'unknown' || tried >= patience.tries) return answer
    const pause = backoffMs(tried, { baseMs: 100, maxMs: 1_000, random })
    if (clock.monotonic() + pause >= deadline) return answer
    await clock.sleep(pause)
  }
}
