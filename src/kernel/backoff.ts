import type { Random } from './random.ts'

/** Exponential delay with jitter, in milliseconds: between half of and the whole step. */
export function backoffMs(
  attempt: number,
  options: { readonly baseMs: number; readonly maxMs: number; readonly random: Random },
): number {
  const step = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 20))
  return step / 2 + (step / 2) * options.random()
}
