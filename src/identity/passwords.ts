import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { AppError } from '../kernel/errors.ts'

/** argon2id (the library's default kind) with the parameters that OWASP names first. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const limits = {
  /** Each hash fills a core and 19 MB: more at once than cores only makes all of them slower. */
  running: Math.min(4, availableParallelism()),
  /** About three seconds of work for two cores; whoever comes later is told to come back. */
  waiting: 256,
} as const

/** Hashing in a bounded number of threads, so that a crowd logging in cannot starve the rest. */
export class Passwords {
  readonly #waiting: (() => void)[] = []
  #running = 0
  #decoy: Promise<string> | undefined

  /** The PHC string of a password. Throws `overloaded` when too many are waiting. */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, cost))
  }

  /** Compares. Without a stored hash it takes as long as with one, and is false. */
  async matches(password: string, stored: string | undefined): Promise<boolean> {
    if (stored !== undefined) return this.#inTurn(() => verify(stored, password))
    this.#decoy ??= hash(randomBytes(16), cost)
    const other = await this.#decoy
    await this.#inTurn(() => verify(other, password))
    return false
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= limits.running) {
      if (this.#waiting.length >= limits.waiting) {
        throw new AppError('overloaded', 'Too many log-ins at once. Try again in two seconds.', {
          retryAfterSeconds: 2,
        })
      }
      // Whoever finishes hands its place over, so `running` is already counted for the one who waited.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running += 1
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running -= 1
    }
  }
}
