/** What a check of the guarantees brings home. */

const names = {
  1: 'Never oversold',
  2: 'Never undersold',
  3: 'Nothing accepted is lost',
  4: 'Exactly once',
  5: 'Money and stock agree',
  6: 'Every hold ends',
  7: 'Per-customer limits hold',
} as const

export type GuaranteeId = keyof typeof names

export interface GuaranteeResult {
  readonly id: GuaranteeId
  readonly name: string
  readonly kept: boolean
  /** Facts that were compared. 0: there was nothing to compare, or it could not be. */
  readonly checked: number
  /** One sentence each, with the SKU or checkout and the repair; the first {@link breachesMax}. */
  readonly breaches: readonly string[]
}

export interface GuaranteeReport {
  readonly kept: boolean
  /** All seven, in order. */
  readonly promises: readonly GuaranteeResult[]
}

/** Breaches of one guarantee that are told, at most. */
export const breachesMax = 20

/** Collects what is found about one guarantee. */
export class Findings {
  readonly id: GuaranteeId
  readonly #breaches: string[] = []
  #kept = true
  #checked = 0

  constructor(id: GuaranteeId) {
    this.id = id
  }

  /** Counts facts that were compared. */
  checked(count: number): void {
    this.#checked += count
  }

  breach(sentence: string): void {
    this.#kept = false
    if (this.#breaches.length < breachesMax) this.#breaches.push(sentence)
  }

  result(): GuaranteeResult {
    const { id } = this
    return {
      id,
      name: names[id],
      kept: this.#kept,
      checked: this.#checked,
      breaches: this.#breaches,
    }
  }
}

/** Says what could not be checked, and why. */
export type Note = (sentence: string) => void
