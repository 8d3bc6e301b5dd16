import { backoffMs } from './backoff.ts'
import type { Random } from './random.ts'

export interface PausesDeps {
  /** Milliseconds that never go back. */
  readonly monotonic: () => number
  readonly random: Random
}

export interface PauseLengths {
  /** Milliseconds; see {@link backoffMs}. */
  readonly baseMs: number
  readonly maxMs: number
  /** How many failures cost no pause at first; default 0. */
  readonly forgiven?: number
}

/** What fails is left alone, each time for longer, up to a bound. One entry for each key that has failed lately. */
export class Pauses<Key> {
  readonly #deps: PausesDeps
  readonly #lengths: PauseLengths
  readonly #failed = new Map<Key, { readonly times: number; readonly until: number }>()

  constructor(deps: PausesDeps, lengths: PauseLengths) {
    this.#deps = deps
    this.#lengths = lengths
  }

  /** Notes a failure. Returns how many there were in a row, 1 or more. */
  fail(key: Key): number {
    const { monotonic, random } = this.#deps
    const { baseMs, maxMs, forgiven = 0 } = this.#lengths
    const times = (this.#failed.get(key)?.times ?? 0) + 1
    const counted = times - forgiven
    const until = counted > 0 ? monotonic() + backoffMs(counted, { baseMs, maxMs, random }) : 0
    this.#failed.set(key, { times, until })
    return times
  }

  /** Whether the key is to be left alone now. */
  pauses(key: Key): boolean {
    const failed = this.#failed.get(key)
    return failed !== undefined && this.#deps.monotonic() < failed.until
  }

  /** The next failure is a first one again. */
  forget(key: Key): void {
    this.#failed.delete(key)
  }

  /** All that have failed and were not forgotten, whether they pause or may be tried. */
  get failed(): Key[] {
    return [...this.#failed.keys()]
  }
}
