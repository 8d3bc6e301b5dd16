import type { Clock } from '../../kernel/clock.ts'
import type { Urgency } from './budget.ts'
import type { Wanted } from './room.ts'

type Resolve = (granted: boolean) => void

/** Who waits for calls at one endpoint, in their order. Each leaves when its time is over. */
export class WaitingCalls {
  readonly #clock: Pick<Clock, 'after'>
  /** In the order in which they came; the resolver is the one that waits. */
  readonly #waiting = { buyer: new Set<Resolve>(), background: new Set<Resolve>() }

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  get wanted(): Wanted {
    return { buyers: this.#waiting.buyer.size, background: this.#waiting.background.size }
  }

  get size(): number {
    return this.#waiting.buyer.size + this.#waiting.background.size
  }

  /** True once {@link serve} reaches it; false after `maxMs` milliseconds. */
  wait(urgency: Urgency, maxMs: number): Promise<boolean> {
    const waiting = this.#waiting[urgency]
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const cancel = this.#clock.after(maxMs, () => leave(false))
    const leave = (granted: boolean) => {
      cancel()
      waiting.delete(leave)
      resolve(granted)
    }
    waiting.add(leave)
    return promise
  }

  /**
   * Serves as many as were granted. What its waiter no longer waits for is for the other kind.
   */
  serve({ buyers, background }: Wanted): void {
    const { buyer, background: behind } = this.#waiting
    const leftByBuyers = buyers - serve(buyer, buyers)
    const left = background - serve(behind, background)
    serve(behind, leftByBuyers)
    serve(buyer, left)
  }
}

/** Serves the first `count` of them, or fewer; returns how many. */
function serve(waiting: ReadonlySet<Resolve>, count: number): number {
  let served = 0
  for (const leave of waiting) {
    if (served >= count) break
    leave(true)
    served += 1
  }
  return served
}
