/**
 * The queue before the payment provider. Its places are rows, so they survive the death of the process
 * that took a buyer's request: any process drives what is first, as fast as the provider allows.
 */
import { settlesWithin } from '../../kernel/settles-within.ts'
import type { CallBudget } from '../../payments/budget/budget.ts'
import { driveAttempt } from './drive.ts'
import type { Attempt } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'

/** What the queue needs, of one process. */
export type PaymentQueueDeps = MoneyDeps & { readonly budget: CallBudget }

/** Attempts that one process drives from the queue at once, at most. */
const inFlightMax = 64
/** Taken from the queue at once, at most. */
const perTake = 16
/** After the provider had too many requests. */
const restMs = 500
/** How long to wait when the queue cannot be read, or all that may be in flight is. */
const pauseMs = 250

/** One for each process. Everything it does is safe on several processes at once. */
export class PaymentQueue {
  readonly #deps: PaymentQueueDeps
  readonly #stopping = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  #running: Promise<void> | undefined
  #again = false
  /** Until when nothing is asked for. */
  #restUntil = Number.NEGATIVE_INFINITY

  constructor(deps: PaymentQueueDeps) {
    this.#deps = deps
  }

  /** Whether a payment has to take its place in the queue before it may be asked for. */
  get needed(): boolean {
    return this.#deps.budget.limited || this.#deps.access.pauseMs > 0
  }

  /** Milliseconds until it is the turn of whoever has `position` others before them. */
  waitMs(position: number): number {
    const rate = this.#deps.budget.rate('payment_intents')
    return Math.ceil(((position + 1) * 1_000) / Math.max(1, rate)) + this.#deps.access.pauseMs
  }

  /** Something waits, or may wait: drives it in the background, until nothing does. */
  poke(): void {
    this.#again = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#again && !this.#stopping.signal.aborted) this.poke()
    })
  }

  /** The provider had no room, or does not take the key: some of what waits was put back. */
  rest(): void {
    this.#restUntil = this.#deps.clock.monotonic() + restMs
    this.poke()
  }

  /**
   * For a job: as {@link poke}, and resolves when nothing waits any more, after `maxMs` milliseconds at
   * the latest. Never rejects.
   */
  async drain(maxMs: number): Promise<void> {
    this.poke()
    if (this.#running) await settlesWithin(this.#deps.clock, maxMs, this.#running)
  }

  /** Takes nothing more, and waits for what is in flight: up to `maxMs` milliseconds. Never rejects. */
  async stop(maxMs: number): Promise<void> {
    this.#stopping.abort()
    const open = Promise.all([this.#running, ...this.#inFlight])
    await settlesWithin(this.#deps.clock, maxMs, open)
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#deps
    while (!this.#stopping.signal.aborted) {
      this.#again = false
      try {
        const room = Math.min(perTake, inFlightMax - this.#inFlight.size)
        // Calls that are taken and not made are lost to everybody.
        const wanted = this.#deps.budget.limited ? await store.countWaiting(room) : room
        if (wanted === 0 && room > 0) {
          if (this.#again) continue
          return
        }
        const { granted, againMs } = await this.#mayAsk(wanted)
        if (granted > 0) {
          const taken = await store.takeWaiting(granted)
          for (const attempt of taken) this.#drive(attempt)
          if (taken.length === 0 && !this.#again) return
          if (taken.length < granted) continue
        }
        if (againMs > 0) await clock.sleep(againMs, this.#stopping.signal)
      } catch (error) {
        log.warn({ err: error }, 'the payment queue could not be read; trying again')
        await clock.sleep(pauseMs, this.#stopping.signal)
      }
    }
  }

  async #mayAsk(wanted: number): Promise<{ granted: number; againMs: number }> {
    const { budget, access } = this.#deps
    const pause = Math.max(access.pauseMs, this.#restUntil - this.#deps.clock.monotonic())
    if (pause > 0) return { granted: 0, againMs: pause }
    if (wanted <= 0) return { granted: 0, againMs: pauseMs }
    return budget.limited
      ? budget.takeSome('payment_intents', wanted)
      : { granted: wanted, againMs: 0 }
  }

  #drive(attempt: Attempt): void {
    const { log } = this.#deps
    const driving = driveAttempt(this.#deps, attempt)
      .then(({ tag }) => {
        if (tag === 'not now') this.rest()
      })
      .catch((error: unknown) => {
        log.warn(
          { err: error, checkoutId: attempt.checkoutId },
          'a queued payment could not be driven; it is resumed when its lease is over',
        )
      })
      .finally(() => this.#inFlight.delete(driving))
    this.#inFlight.add(driving)
  }
}
