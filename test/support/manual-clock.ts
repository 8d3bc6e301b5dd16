import type { Clock } from '../../src/kernel/clock.ts'

export interface ManualClock extends Clock {
  /** Lets `ms` pass; whoever sleeps for less wakes. */
  advance(ms: number): void
}

/**
 * Time stands still until the test lets it pass. With `hurried`, sleeping itself lets it pass: nobody
 * waits, and every deadline is reached.
 */
export function manualClock({ hurried = false } = {}): ManualClock {
  let ms = 1_800_000_000_000
  const waiting = new Set<{ readonly at: number; readonly wake: () => void }>()
  const clock: ManualClock = {
    now: () => ms,
    monotonic: () => ms,
    sleep: (duration) => {
      if (!hurried) return new Promise((resolve) => clock.after(duration, resolve))
      clock.advance(duration)
      return new Promise((resolve) => setImmediate(resolve))
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    after: (duration, wake) => {
      const timer = { at: ms + duration, wake }
      waiting.add(timer)
      return () => waiting.delete(timer)
    },
    advance: (duration) => {
      ms += duration
      for (const timer of [...waiting].sort((a, b) => a.at - b.at)) {
        if (timer.at <= ms && waiting.delete(timer)) timer.wake()
      }
    },
  }
  return clock
}
