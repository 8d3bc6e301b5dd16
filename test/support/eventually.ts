import { systemClock } from '../../src/kernel/clock.ts'

/**
 * Calls `fn` until it does not throw (and does not return false), and returns what it returned. Throws
 * its last error after `timeoutMs`.
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = systemClock.monotonic() + timeoutMs
  for (;;) {
    try {
      const result = await fn()
      if (result !== false) return result
      if (systemClock.monotonic() > deadline) throw new Error(`still false after ${timeoutMs} ms`)
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error
    }
    await systemClock.sleep(everyMs)
  }
}
