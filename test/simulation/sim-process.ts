/** A process of the story: it has a clock, it may be paused, and when it dies nothing of it happens any more. */
import type { Clock } from '../../src/kernel/clock.ts'
import type { Scheduler } from './scheduler.ts'

/** When stories begin, in milliseconds since the epoch. */
export interface Epoch {
  readonly startMs: number
}

export class SimProcess {
  readonly name: string
  readonly clock: Clock
  alive = true
  readonly #scheduler: Scheduler
  #pausedUntil = 0
  readonly #onDeath: (() => void)[] = []

  constructor(name: string, scheduler: Scheduler, { startMs }: Epoch) {
    this.name = name
    this.#scheduler = scheduler
    this.clock = {
      now: () => Math.floor(startMs + scheduler.now),
      monotonic: () => scheduler.now,
      sleep: (ms, signal) => this.#sleep(ms, signal),
      turn: () => new Promise((resolve) => this.#wake(0, resolve)),
      after: (ms, fn) => {
        const planned = this.#wake(ms, fn)
        return () => {
          planned.cancelled = true
        }
      },
    }
  }

  /** Whether it stands still, as under SIGSTOP or in a long collection of garbage. */
  get paused(): boolean {
    return this.#scheduler.now < this.#pausedUntil
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#scheduler.now + ms)
  }

  /** Nothing that it waits for comes any more. What it has sent is under way all the same. */
  die(): void {
    if (!this.alive) return
    this.alive = false
    for (const told of this.#onDeath) told()
  }

  onDeath(told: () => void): void {
    this.#onDeath.push(told)
  }

  /** Lets something reach it: at once, when it goes on, or never. */
  deliver(what: () => void): void {
    if (!this.alive) return
    if (this.paused)
      this.#scheduler.plan(this.#pausedUntil - this.#scheduler.now, () => this.deliver(what))
    else what()
  }

  #wake(ms: number, what: () => void) {
    const planned = this.#scheduler.plan(ms, () =>
      this.deliver(() => {
        if (!planned.cancelled) what()
      }),
    )
    return planned
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const planned = this.#wake(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      const abort = () => {
        planned.cancelled = true
        resolve()
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}
