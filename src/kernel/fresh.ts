import type { Clock } from './clock.ts'

interface Entry<Value> {
  readonly at: number
  readonly value: Promise<Value>
  /** Until when it may still be given out while a newer one is made. */
  staleUntil: number
  renewing: boolean
}

/** How much longer than its cost an answer may be given out, and the longest of that. */
const staleFactor = 40
const staleMsMax = 5_000

/**
 * Answers that may be a moment old. Who asks while one is being made gets the same one, and so does who
 * asks within `ms` of that. After that, one that took long to make is still given out for a while (40
 * times what it took, five seconds at most) while the next is made, so that it takes a small share of the
 * time at any load. A failure is told to those who waited, and forgotten. Bounded.
 */
export class Fresh<Value> {
  readonly #options: { readonly clock: Clock; readonly ms: number; readonly max: number }
  readonly #entries = new Map<string, Entry<Value>>()

  constructor(options: { clock: Clock; ms: number; max: number }) {
    this.#options = options
  }

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const { clock, ms, max } = this.#options
    const now = clock.monotonic()
    const known = this.#entries.get(key)
    if (known && now - known.at < ms) return known.value
    if (known && now < known.staleUntil) {
      if (!known.renewing) {
        known.renewing = true
        this.#make(key, make, known)
      }
      return known.value
    }
    if (this.#entries.size >= max) this.#entries.clear()
    const entry = this.#make(key, make)
    this.#entries.set(key, entry)
    return entry.value
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  /** Makes an answer; it takes the place of `before` when it is there. */
  #make(key: string, make: () => Promise<Value>, before?: Entry<Value>): Entry<Value> {
    const { clock, ms } = this.#options
    const at = clock.monotonic()
    const entry: Entry<Value> = { at, value: make(), staleUntil: at + ms, renewing: false }
    entry.value.then(
      () => {
        const cost = clock.monotonic() - at
        entry.staleUntil = at + ms + Math.min(staleMsMax, cost * staleFactor)
        if (before && this.#entries.get(key) === before) this.#entries.set(key, entry)
      },
      () => {
        if (before) before.renewing = false
        else if (this.#entries.get(key) === entry) this.#entries.delete(key)
      },
    )
    return entry
  }
}
