/** What the comparisons with the provider share: their parts, their suspects, and how they ask. */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../kernel/clock.ts'
import type { PaymentGateway } from '../payments/gateway.ts'
import type { ProviderLists } from '../payments/provider-lists.ts'
import type { Note } from './findings.ts'

/** What comparing needs. Its calls are counted like all others of the account. */
export interface ComparisonDeps {
  readonly pool: DatabasePool
  readonly lists: Pick<ProviderLists, 'listIntents' | 'listAllRefunds'>
  readonly gateway: Pick<PaymentGateway, 'retrieveIntent' | 'listRefunds'>
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly note: Note
  /** Pages of each list, at most. Default 1,000. */
  readonly pagesMax?: number
}

/** The provider does not answer, or does not take the key. The message is for a person. */
export class ProviderUnreachable extends Error {
  override name = 'ProviderUnreachable'
}

/** What may differ: looked at once, and once more before it is told. */
export interface Suspect {
  readonly key: string
  /** Of the intent that it is about; null when there is none to ask for. */
  readonly intentId: string | null
  readonly checkoutId: string | null
  readonly sentence: string
  readonly underWay: boolean
  /** When the provider made it, or the tables changed it. */
  readonly changedMs: number
}

/** One kind of what is compared. */
export interface Comparison<Item> {
  readonly firstLook: Pick<FirstLook, 'suspects' | 'checked'>
  /** Against the rows of the tables. */
  page(items: readonly Item[]): Promise<void>
  /** Against what was listed: rows from `from` on that no page has shown. */
  rows(from: Date): Promise<void>
  /** Once more; null when it does not differ any more. */
  again(suspect: Suspect): Promise<Suspect | null>
}

/** Rows that are read at once. */
const batch = 1_000

/** How one kind stands after the first look: what was seen in the provider's lists, and what differed. */
export class FirstLook {
  readonly suspects = new Map<string, Suspect>()
  readonly #seen = new Set<string>()
  #checked = 0

  get checked(): number {
    return this.#checked
  }

  /** An object is in the provider's lists: its row need not be looked for. */
  saw(id: string): void {
    this.#seen.add(id)
  }

  /** Counts one comparison; null: nothing differs. */
  compared(suspect: Suspect | null): void {
    this.#checked += 1
    if (suspect) this.suspects.set(suspect.key, suspect)
  }

  /** Compares all rows that name no object which was seen. `read` gives those after a mark, in its order. */
  async unseen<Row>(
    read: (page: {
      readonly after: string | null
      readonly limit: number
    }) => Promise<readonly Row[]>,
    of: {
      readonly mark: (row: Row) => string
      readonly providerId: (row: Row) => string | null
      readonly suspect: (row: Row) => Suspect | null
    },
  ): Promise<void> {
    for (let after: string | null = null; ; ) {
      const rows: readonly Row[] = await read({ after, limit: batch })
      for (const row of rows) {
        const id = of.providerId(row)
        if (id === null || !this.#seen.has(id)) this.compared(of.suspect(row))
      }
      const last = rows.at(-1)
      if (last === undefined || rows.length < batch) return
      after = of.mark(last)
    }
  }
}

const triesMax = 3
const pauseMs = 1_000

/** Asks a few times. @throws ProviderUnreachable when there is still no answer. */
export async function ask<Answer extends { readonly tag: string }>(
  { clock }: Pick<ComparisonDeps, 'clock'>,
  call: () => Promise<Answer>,
): Promise<Exclude<Answer, { readonly tag: 'unknown' }>> {
  type Known = Exclude<Answer, { readonly tag: 'unknown' }>
  for (let tries = 1; ; tries++) {
    const answer = await call()
    if (answer.tag !== 'unknown') return answer as Known
    const { why, message } = answer as Answer & { readonly why: string; readonly message: string }
    if (why === 'barred') {
      throw new ProviderUnreachable(`the payment provider refuses STRIPE_SECRET_KEY: ${message}`)
    }
    if (tries >= triesMax) {
      throw new ProviderUnreachable(`the payment provider cannot be reached: ${message}`)
    }
    await clock.sleep(pauseMs)
  }
}
