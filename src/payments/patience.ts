/** How long the shop goes on asking a provider that does not answer. Every loop here ends. */
import { backoffMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import type { WhyUnknown } from './gateway.ts'

/** How often and how long {@link askPatiently} asks. Its times are milliseconds. */
export interface Patience {
  readonly tries: number
  /** For one try. */
  readonly tryMs: number
  /** For all tries and the pauses between them. */
  readonly totalMs: number
}

/**
 * For a charge: banks take up to 20 seconds, so one try may be long; a provider that fails at once is
 * asked four times within a few seconds. Milliseconds.
 */
export const chargePatience: Patience = { tries: 4, tryMs: 25_000, totalMs: 28_000 }
/** For everything else. */
export const jobPatience: Patience = { tries: 2, tryMs: 5_000, totalMs: 12_000 }

/**
 * Asks again while the provider is away, with growing pauses; returns the last answer. Somebody else
 * who is at the same key is waited for, and does not count as a try. Charging and the refund job ask
 * so. `ask` gets its limit in ms, and whether it is the first; what it throws passes through.
 */
export async function askPatiently<T extends { readonly tag: string; readonly why?: WhyUnknown }>(
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  patience: Patience,
  ask: (timeoutMs: number, first: boolean) => Promise<T>,
): Promise<T> {
  const deadline = clock.monotonic() + patience.totalMs
  let tries = 0
  for (let asked = 1; ; asked++) {
    const left = deadline - clock.monotonic()
    const answer = await ask(Math.max(1, Math.min(patience.tryMs, left)), asked === 1)
    if (answer.why !== 'away' && answer.why !== 'in_use') return answer
    if (answer.why === 'away') tries += 1
    if (tries >= patience.tries) return answer
    const pause = backoffMs(asked, { baseMs: 100, maxMs: 1_000, random })
    if (clock.monotonic() + pause >= deadline) return answer
    await clock.sleep(pause)
  }
}
