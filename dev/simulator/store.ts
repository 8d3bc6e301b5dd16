import type { Clock } from '../../src/kernel/clock.ts'
import { Collection } from './collection.ts'
import { IdempotencyKeys, type KeyRecord } from './idempotency.ts'
import type { Entry, Journal } from './journal.ts'
import { limits } from './limits.ts'
import type { EventRecord, EventType, Kind, Records, Snapshot } from './records.ts'
import { newStripeId } from './stripe-ids.ts'

/** Who caused a change; both null for the bank, the buyer and time. */
export interface Cause {
  readonly requestId: string | null
  readonly idempotencyKey: string | null
}

/** The changes of one request: visible at once, on disk with {@link Store.commit}. */
export interface Work {
  /** Seconds since the epoch. */
  readonly now: number
  put(snapshot: Snapshot): void
  /** `previous` is the object before, for events that tell what changed. */
  emit(type: EventType, object: Snapshot, previous?: Snapshot): void
}

/** Everything the simulator knows, in memory, with an optional journal behind it. */
export class Store {
  readonly all: { readonly [K in Kind]: Collection<Records[K]> } = {
    pi: new Collection(limits.objects),
    ch: new Collection(limits.objects),
    re: new Collection(limits.objects),
    du: new Collection(limits.objects),
    issfr: new Collection(limits.objects),
    prv: new Collection(limits.objects),
    cus: new Collection(limits.objects),
  }
  readonly paymentIntents = this.all.pi
  readonly charges = this.all.ch
  readonly refunds = this.all.re
  readonly disputes = this.all.du
  readonly events = new Collection<EventRecord>(limits.objects)
  readonly keys = new IdempotencyKeys()
  readonly #clock: Clock
  readonly #journal: Journal | undefined
  readonly #onEvent: (event: EventRecord) => void
  readonly #onChange: (change: Snapshot) => void
  /** Ids of events that still have to reach the shop. */
  readonly #due = new Set<string>()
  #settled: string[] = []

  constructor(options: {
    readonly clock: Clock
    readonly journal?: Journal | undefined
    /** Hears of each event after it is on disk. */
    readonly onEvent: (event: EventRecord) => void
    /** Hears of each change, at once. */
    readonly onChange?: (change: Snapshot) => void
  }) {
    this.#clock = options.clock
    this.#journal = options.journal
    this.#onEvent = options.onEvent
    this.#onChange = options.onChange ?? (() => {})
  }

  /** Reads the journal; call {@link startJournal} before the first change. */
  async load(): Promise<void> {
    for await (const entry of this.#journal?.read() ?? []) {
      for (const snapshot of entry.objects) this.#apply(snapshot)
      for (const event of entry.events) this.#add(event)
      if (entry.key) this.keys.put(entry.key)
      for (const id of entry.settled) this.#due.delete(id)
    }
  }

  /** Opens the journal for writing, without what is no longer true. */
  startJournal(): void {
    this.#journal?.rewrite(this.#entries())
  }

  /** Events that an earlier process did not get delivered. */
  undelivered(): EventRecord[] {
    return [...this.#due].flatMap((id) => this.events.get(id) ?? [])
  }

  begin({ requestId, idempotencyKey }: Cause): Work & { readonly entry: Entry } {
    const objects: Snapshot[] = []
    const events: EventRecord[] = []
    const now = Math.floor(this.#clock.now() / 1000)
    return {
      now,
      entry: { objects, events, settled: [] },
      put: (snapshot) => {
        this.#apply(snapshot)
        objects.push(snapshot)
        this.#onChange(snapshot)
      },
      emit: (type, object, previous) => {
        const id = newStripeId('evt')
        const about = previous ? { object, previous } : { object }
        events.push({ id, created: now, type, ...about, requestId, idempotencyKey })
      },
    }
  }

  /** Writes the changes down, then lets their events go. */
  commit({ entry }: { readonly entry: Entry }, key?: KeyRecord): void {
    for (const event of entry.events) this.#add(event)
    if (this.#journal && (entry.objects.length > 0 || key)) {
      this.#journal.append({ ...entry, key, settled: this.#settled })
      this.#settled = []
      if (this.#journal.tooLong) this.startJournal()
    }
    for (const event of entry.events) this.#onEvent(event)
  }

  /** The event needs no delivery any more: it arrived, was given up, or nobody listens. */
  settle(eventId: string): void {
    if (this.#due.delete(eventId) && this.#journal) this.#settled.push(eventId)
  }

  close(): void {
    if (this.#settled.length > 0) {
      this.#journal?.append({ objects: [], events: [], settled: this.#settled })
    }
    this.#journal?.close()
  }

  #apply<K extends Kind>({ kind, record }: { kind: K; record: Records[K] }): void {
    this.all[kind].put(record)
  }

  #add(event: EventRecord): void {
    this.events.put(event)
    this.#due.add(event.id)
    if (this.#due.size <= limits.webhookQueue) return
    for (const oldest of this.#due) {
      this.#due.delete(oldest)
      break
    }
  }

  *#entries(): Generator<Entry> {
    const nothing = { objects: [], events: [], settled: [] }
    for (const kind of Object.keys(this.all) as Kind[]) {
      for (const record of this.all[kind].oldestFirst()) {
        yield { ...nothing, objects: [{ kind, record } as Snapshot] }
      }
    }
    for (const event of this.events.oldestFirst()) {
      yield { ...nothing, events: [event], settled: this.#due.has(event.id) ? [] : [event.id] }
    }
    for (const key of this.keys.answered()) yield { ...nothing, key }
  }
}
