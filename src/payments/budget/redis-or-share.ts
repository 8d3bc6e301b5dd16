/** Room from Redis, and while Redis is away a share of it for each process. */
import type { Clock } from '../../kernel/clock.ts'
import { settlesWithin } from '../../kernel/settles-within.ts'
import type { BudgetLog, Endpoint } from './budget.ts'
import type { Granted, Refusal, Room, Wanted } from './room.ts'

/** Until Redis counts as away. Milliseconds. */
const answersWithinMs = 100
/** Until Redis is tried again. Milliseconds. */
const triedAgainMs = 1_000

export interface RedisOrShareDeps {
  /** What Redis grants to all. */
  readonly shared: Room
  /** What this process grants itself. */
  readonly own: Room
  readonly clock: Clock
  readonly log: BudgetLog
}

/** Never rejects, and never waits for Redis for longer than a tenth of a second. */
export class RedisOrShare implements Room {
  readonly #deps: RedisOrShareDeps
  #away = false
  #triedAgainAt = 0

  constructor(deps: RedisOrShareDeps) {
    this.#deps = deps
  }

  async ask(endpoint: Endpoint, wanted: Wanted, who: string): Promise<Granted> {
    const { shared, own } = this.#deps
    const granted = await this.#fromRedis(() => shared.ask(endpoint, wanted, who))
    return granted ? granted.answer : own.ask(endpoint, wanted, who)
  }

  /** A process that later grants itself its share has heard of the refusal too. */
  async slowDown(endpoint: Endpoint, refusal: Refusal): Promise<number | null> {
    const { shared, own } = this.#deps
    const ofShare = await own.slowDown(endpoint, refusal)
    const lowered = await this.#fromRedis(() => shared.slowDown(endpoint, refusal))
    return lowered ? lowered.answer : ofShare
  }

  /** Undefined: Redis is away. While it is, one call in a second finds out whether it still is. */
  async #fromRedis<T>(call: () => Promise<T>): Promise<{ readonly answer: T } | undefined> {
    const { clock } = this.#deps
    if (this.#away && clock.monotonic() < this.#triedAgainAt) return undefined
    this.#triedAgainAt = clock.monotonic() + triedAgainMs
    let answered: { readonly answer: T } | undefined
    let failed: unknown
    const said = call().then(
      (answer) => {
        answered = { answer }
      },
      (error: unknown) => {
        failed = error
      },
    )
    // A process that was busy itself has the answer before it, unread.
    if (!(await settlesWithin(clock, answersWithinMs, said))) await clock.turn()
    if (answered) this.#isBack()
    else this.#isAway(failed ?? new Error(`no answer in ${answersWithinMs} ms`))
    return answered
  }

  #isAway(error: unknown): void {
    this.#triedAgainAt = this.#deps.clock.monotonic() + triedAgainMs
    if (this.#away) return
    this.#away = true
    this.#deps.log.warn(
      { err: error },
      'Redis does not grant calls to the payment provider; this process makes a quarter of them',
    )
  }

  #isBack(): void {
    if (!this.#away) return
    this.#away = false
    this.#deps.log.info('Redis grants calls to the payment provider again, to all processes')
  }
}
