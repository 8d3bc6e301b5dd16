/** What a search sees: the PaymentIntents of some time ago. Stripe says: up to a minute, more in an outage. */
import { Collection } from './collection.ts'
import { limits } from './limits.ts'
import type { PaymentIntentRecord } from './records.ts'
import type { Store } from './store.ts'

interface Change {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly record: PaymentIntentRecord
}

export class SearchIndex {
  readonly #store: Store
  readonly #now: () => number
  #delayMs = 0
  #seen: Collection<PaymentIntentRecord> | undefined
  #coming: Change[] = []

  /** `now` in milliseconds since the epoch. */
  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  get delayMs(): number {
    return this.#delayMs
  }

  /** From now on a change is found so much later; 0: at once. */
  delay(ms: number): void {
    this.#seen = undefined
    this.#coming = []
    this.#delayMs = ms
    if (ms === 0) return
    this.#seen = new Collection(limits.objects)
    for (const record of this.#store.paymentIntents.oldestFirst()) this.#seen.put(record)
  }

  /** Hears of every change. */
  note(record: PaymentIntentRecord): void {
    if (!this.#seen) return
    this.#coming.push({ at: this.#now(), record })
    // Too much to remember: the oldest change is seen before its time.
    const early = this.#coming.length > limits.objects ? this.#coming.shift() : undefined
    if (early) this.#seen.put(early.record)
  }

  /** The newest first, beginning after the one with id `after`. */
  newestFirst(after?: string): Generator<PaymentIntentRecord> {
    this.#catchUp()
    return (this.#seen ?? this.#store.paymentIntents).newestFirst(after)
  }

  #catchUp(): void {
    const until = this.#now() - this.#delayMs
    const from = this.#coming.findIndex(({ at }) => at > until)
    const due = this.#coming.splice(0, from < 0 ? this.#coming.length : from)
    for (const { record } of due) this.#seen?.put(record)
  }
}
