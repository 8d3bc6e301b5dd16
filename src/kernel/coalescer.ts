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
  /** Bytes of one run, at most; an ask that is larger goes alone. Default: nobody counts them. */
  readonly bytes?: { readonly max: number; readonly of: (ask: Ask) => number }
  /** Asks that wait for the next runs, at most; then `overloaded`. */
  readonly waitingMax: number
  /** What a caller is told when too many wait. */
  readonly overloaded?: string
  /** Once `waiting` asks wait, runs may overlap: `runsMax` of them at once. Default: one run at a time. */
  readonly crowd?: { readonly waiting: number; readonly runsMax: number }
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
  /** Runs that are under way or about to leave. */
  #runs = 0

  constructor(options: CoalescerOptions<Ask, Answer>) {
    this.#options = options
  }

  /** @throws AppError overloaded when too many wait. */
  ask(ask: Ask): Promise<Answer> {
    const {
      waitingMax,
      overloaded = 'Too many requests wait. Try again in a second.',
      crowd,
    } = this.#options
    if (this.#waiting.length >= waitingMax) {
      return Promise.reject(new AppError('overloaded', overloaded, { retryAfterSeconds: 1 }))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ask, resolve, reject })
      const runsMax = crowd && this.#waiting.length >= crowd.waiting ? crowd.runsMax : 1
      if (this.#runs < runsMax) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#runs += 1
    const { gather = sameBreath, run } = this.#options
    while (this.#waiting.length > 0) {
      await gather()
      const batch = this.#nextBatch()
      // Another run took all of them meanwhile.
      if (batch.length === 0) continue
      try {
        const answers = await run(batch.map(({ ask }) => ask))
        batch.forEach(({ resolve }, i) => {
          resolve(answers[i] as Answer)
        })
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#runs -= 1
  }

  #nextBatch(): Waiting<Ask, Answer>[] {
    const { batchMax, bytes } = this.#options
    if (!bytes) return this.#waiting.splice(0, batchMax)
    const most = Math.min(this.#waiting.length, batchMax)
    let count = 0
    let size = 0
    while (count < most) {
      size += bytes.of((this.#waiting[count] as Waiting<Ask, Answer>).ask)
      if (count > 0 && size > bytes.max) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }
}

const sameBreath = () => Promise.resolve()
