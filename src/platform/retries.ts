/**
 * What becomes of a stored row whose handling failed, whatever table it is in: it is due again after a growing pause,
 * and parked after the last try. An operator may then replay it.
 */
import { backoffMs } from '../kernel/backoff.ts'
import type { Random } from '../kernel/random.ts'

/** A failure that no further try will mend: the row is parked at once. */
export class PermanentFailure extends Error {
  override name = 'PermanentFailure'
}

export interface RetryPolicy {
  /** The last failure parks. */
  readonly attemptsMax: number
  readonly baseMs: number
  readonly maxMs: number
}

/** About 1, 4, 16, 64, 256 seconds, then five to ten minutes: an outage of two hours is outlasted. */
export const defaultRetries: RetryPolicy = { attemptsMax: 30, baseMs: 1_000, maxMs: 600_000 }

/** What is noted in the row. */
export interface RowFailure {
  /** At most 500 characters, for the operator who reads the row. */
  readonly message: string
  /** When to try again; null: never by itself, the row is parked. */
  readonly retryInMs: number | null
}

/** What `error` means for a row that had failed `failedBefore` times before. */
export function failureOf(
  error: unknown,
  failedBefore: number,
  retries: RetryPolicy,
  random: Random,
): RowFailure {
  const last = error instanceof PermanentFailure || failedBefore + 1 >= retries.attemptsMax
  return {
    message: textOf(error),
    retryInMs: last ? null : Math.ceil(backoffMs(failedBefore * 2, { ...retries, random })),
  }
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 500).replaceAll('\u0000', '')
}
