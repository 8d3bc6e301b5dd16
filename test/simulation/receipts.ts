/** What buyers were promised, kept outside of every store. */
import type { Line } from './memory-shop.ts'

export interface Receipt {
  readonly id: string
  readonly buyerId: string
  readonly key: string
  readonly fingerprint: string
  readonly lines: readonly Line[]
}

export class Receipts {
  readonly #all = new Map<string, Receipt>()
  /** Checkouts that may be lost: a store has lost the only copy. */
  readonly #gone = new Set<string>()
  /** SKUs and generations whose mailbox has a hole: what is admitted after it may be lost with it. */
  readonly #holed = new Set<string>()

  /** Excuses the loss of the checkouts that stood in some mailbox, and now stand in none. */
  excuse(before: ReadonlySet<string>, after: ReadonlySet<string>): void {
    for (const id of before) if (!after.has(id)) this.#gone.add(id)
  }

  /** Excuses the loss of what this SKU's gate still admits in this generation. */
  excuseFrom(sku: string, generation: number): void {
    this.#holed.add(`${sku} ${generation}`)
  }

  /** Whether a checkout that was admitted in this generation may be lost. */
  mayBeLost({ id, lines }: Receipt, generation: number): boolean {
    return this.#gone.has(id) || lines.some(({ sku }) => this.#holed.has(`${sku} ${generation}`))
  }

  note(receipt: Receipt): void {
    this.#all.set(receipt.id, receipt)
  }

  get all(): IterableIterator<Receipt> {
    return this.#all.values()
  }
}
