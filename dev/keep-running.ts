/** Starts again what dies. */
import { backoffMs } from '../src/kernel/backoff.ts'
import type { Clock } from '../src/kernel/clock.ts'
import { systemRandom } from '../src/kernel/random.ts'

export interface Restartable {
  readonly ended: Promise<string>
  restart(): Promise<void>
}

export interface KeepRunningOptions {
  readonly name: string
  readonly part: Restartable
  readonly clock: Clock
  readonly log: (line: string) => void
  /** Called after each new start. */
  readonly onRestart: () => void
  /** Stops the watch; the part itself is left alone. */
  readonly signal: AbortSignal
}

/** A part that stayed up this long had a fresh start: its failures are counted anew. */
const healthyMs = 10_000
const failuresMax = 30

/**
 * Watches a started part and starts it again whenever it ends, sooner at first and every five seconds
 * at last. Resolves when `signal` aborts. @throws Error when it failed 30 times in a row.
 */
export async function keepRunning(options: KeepRunningOptions): Promise<void> {
  const { name, part, clock, log, signal } = options
  for (let failures = 0; !signal.aborted; ) {
    const since = clock.monotonic()
    const how = await Promise.race([part.ended, aborted(signal)])
    if (signal.aborted) return
    failures = clock.monotonic() - since > healthyMs ? 1 : failures + 1
    if (failures > failuresMax) throw new Error(`${name} failed ${failuresMax} times in a row`)
    log(`${name} has ended (${how}): starting it again`)
    if (failures > 1)
      await clock.sleep(
        backoffMs(failures, { baseMs: 50, maxMs: 5_000, random: systemRandom }),
        signal,
      )
    if (signal.aborted) return
    try {
      await part.restart()
      options.onRestart()
    } catch (error) {
      log(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('')
    signal.addEventListener('abort', () => resolve(''), { once: true })
  })
}
