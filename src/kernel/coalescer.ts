import { AppError } from './errors.ts'

interface Waiting<Ask, Answer> {
  readonly ask: Ask
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export interface CoalescerOptions<Ask, Answer> {
  /** Answers all of them, in their order. When it rejects, so do they. */
  readonly run: (asks: readonly Ask[]) => Promise<readonly Answer[]>
  /** Asks of one run, at most. */
  readonly batchMax: number
  /** Asks that wait for the next runs, at most; then `overloaded`. */
  readonly waitingMax: number
  /** Waited for before each run; default: those who ask in the same breath come along. */
  readonly gather?: () => Promise<void>
}

/**
 * Carries out together what is asked for while a run is under way: the next run leaves when the last one is
 * back. There is no timer: alone, an ask is carried out at once; in a crowd, many share one round trip.
 */
export class Coalescer<Ask, Answer> {
  readonly #options: CoalescerOptions<Ask, Answer>
  readonly #waiting: Waiting<Ask, Answer>[] = []
  #running = false

  constructor(options: CoalescerOptions<Ask, Answer>) {
    this.#options = options
  }

  /** @throws AppError overloaded when too many wait. */
  ask(ask: Ask): Promise<Answer> {
    if (this.#waiting.length >= this.#options.waitingMax) {
      const error = new AppError('overloaded', 'Too many requests wait. Try again in a second.', {
        retryAfterSeconds: 1,
      })
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ask, resolve, reject })
      if (!this.#running) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#running = true
    const { gather = sameBreath } = this.#options
    while (this.#waiting.length > 0) {
      await gather()
      const batch = this.#waiting.splice(0, this.#options.batchMax)
      try {
        const answers = await this.#options.run(batch.map(({ ask }) => ask))
        batch.forEach(({ resolve }, i) => {
          resolve(answers[i] as Answer)
        })
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = false
  }
}

const sameBreath = () => Promise.resolve()
