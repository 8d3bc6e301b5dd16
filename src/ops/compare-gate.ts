/**
 * One SKU's ledger and gate, read again and again. The two are read at different moments while buyers
 * buy, so only readings of the same cursor are compared: the ledger at a cursor, and the gate as it was
 * last settled at it. Between two commits such a pair comes up within a few tries, and until it is
 * settled again a gate's `units + granted` does not change.
 */
import type { GateReading, LedgerReading } from './gate-readings.ts'

/** Readings that must say the same, one after the other, before it is called a breach. */
const readingsNeeded = 3

export type Verdict =
  | { readonly tag: 'agrees' | 'unknown' }
  /** Units that the gate would not grant although they are free; below 0: that it grants too many. */
  | { readonly tag: 'stranded'; readonly units: number }
  /** Entries that were appended and not settled, and that the mailbox does not hold. */
  | { readonly tag: 'missing'; readonly entries: number }

export class Comparison {
  /** Cursor → free + granted of the ledger. */
  readonly #ledger = new Map<number, number>()
  /** Cursor at which the gate was settled → units + granted of the gate. */
  readonly #gate = new Map<number, number>()
  #generation = 0
  #differed = 0
  #missed = 0

  /** Takes in one reading of each. */
  see(ledger: LedgerReading, gate: GateReading): Verdict {
    if (ledger.generation !== this.#generation) this.#begin(ledger.generation)
    this.#ledger.set(ledger.cursor, ledger.free + ledger.granted)
    this.#gate.set(gate.settled, gate.units + gate.granted)

    const entries = gate.seq - gate.settled - gate.waiting
    this.#missed = entries === 0 ? 0 : this.#missed + 1
    if (this.#missed >= readingsNeeded) return { tag: 'missing', entries }

    const stranded = this.#difference(ledger.cursor, gate.settled)
    if (stranded === undefined || this.#missed > 0) return { tag: 'unknown' }
    if (stranded === 0) return { tag: 'agrees' }
    this.#differed++
    return this.#differed >= readingsNeeded
      ? { tag: 'stranded', units: stranded }
      : { tag: 'unknown' }
  }

  /** True while neither side has moved since the first reading. */
  get still(): boolean {
    return this.#ledger.size === 1 && this.#gate.size === 1
  }

  #begin(generation: number): void {
    this.#generation = generation
    this.#ledger.clear()
    this.#gate.clear()
    this.#differed = 0
    this.#missed = 0
  }

  /** At a cursor that both were seen at, the present ones first; undefined when there is none. */
  #difference(cursor: number, settled: number): number | undefined {
    for (const at of [cursor, settled]) {
      const ledger = this.#ledger.get(at)
      const gate = this.#gate.get(at)
      if (ledger !== undefined && gate !== undefined) return ledger - gate
    }
    return undefined
  }
}
