/** Idempotency keys: what a key has done once it repeats, a failure of the provider's own as well. */
import type { SeededRandom } from '../../../src/kernel/random.ts'
import { type Failed, refusal, unknown } from './provider-words.ts'

interface KeyRecord {
  readonly params: string
  answer?: unknown
  /** A failure of the provider's own is kept. */
  broken?: boolean
}

export class ProviderKeys {
  readonly #keys = new Map<string, KeyRecord>()
  readonly #random: SeededRandom
  readonly #broken: () => number

  /** `broken`: the chance of breaking down over a request, from 0 to 1. */
  constructor(random: SeededRandom, broken: () => number) {
    this.#random = random
    this.#broken = broken
  }

  /** What the key has done, or does now. */
  async answer<T extends { readonly tag: string }>(
    key: string,
    params: object,
    run: () => T | Failed | Promise<T | Failed>,
  ): Promise<T | Failed> {
    const fingerprint = JSON.stringify(Object.entries(params).sort())
    const known = this.#keys.get(key)
    if (known) {
      if (known.params !== fingerprint) return refusal('idempotency_error', null, null)
      if (known.broken) return unknown('stored', 'a failure is kept')
      return known.answer ? (known.answer as T) : unknown('in_use', 'the key is in use')
    }
    const record: KeyRecord = { params: fingerprint }
    this.#keys.set(key, record)
    const breaks = this.#random.chance(this.#broken())
    const undone = breaks && this.#random.chance(0.5)
    const answer = undone ? unknown('away', 'broken before') : await run()
    if (breaks) {
      record.broken = true
      return unknown('away', 'broken')
    }
    // Nothing was carried out: the key is free again.
    const validation = answer.tag === 'refused' && 'param' in answer && answer.param !== null
    if (answer.tag === 'unknown' || validation) this.#keys.delete(key)
    else record.answer = answer
    return answer
  }
}
