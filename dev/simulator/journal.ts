/**
 * The state on disk: a file of lines, one for each request that changed something, written before the answer
 * goes out. It outlives the process, not the machine: nothing is flushed by force.
 */
import { closeSync, createReadStream, existsSync, openSync, renameSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { KeyRecord } from './idempotency.ts'
import { limits } from './limits.ts'
import type { Answer, EventRecord, Snapshot } from './records.ts'

/** What one request changed. */
export interface Entry {
  readonly objects: readonly Snapshot[]
  readonly events: readonly EventRecord[]
  readonly key?: KeyRecord | undefined
  /** Ids of events that need no delivery any more. */
  readonly settled: readonly string[]
}

/** A journal that cannot be read: better no start than a start that forgot charges. */
export class JournalDamaged extends Error {
  override name = 'JournalDamaged'
}

/** An event and an answer mostly hold a record that the same request wrote: they name its place in the line. */
interface Line {
  readonly o?: readonly Snapshot[]
  /** Records of the past, which an event or an answer still holds. */
  readonly x?: readonly Snapshot[]
  readonly e?: readonly (Omit<EventRecord, 'object' | 'previous'> & {
    readonly object: number
    readonly previous?: number
  })[]
  readonly k?: Omit<KeyRecord, 'answer'> & { readonly answer: Places }
  readonly d?: readonly string[]
}

type Places = Omit<Answer, 'object' | 'expanded'> & {
  readonly object: number | null
  /** In older files one place, or null. */
  readonly expanded: readonly number[] | number | null
}

export class Journal {
  readonly #path: string
  #file = -1
  #bytes = 0
  #bytesAfterRewrite = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Every entry since the last rewrite. A last line that a crash cut short is passed over. */
  async *read(): AsyncGenerator<Entry> {
    if (!existsSync(this.#path)) return
    const lines = createInterface({ input: createReadStream(this.#path), crlfDelay: Infinity })
    let number = 0
    let broken = 0
    for await (const text of lines) {
      number += 1
      if (broken > 0) throw new JournalDamaged(`${this.#path}: line ${broken} cannot be read`)
      try {
        yield decodeEntry(JSON.parse(text) as Line)
      } catch {
        broken = number
      }
    }
  }

  append(entry: Entry): void {
    if (this.#file >= 0) this.#bytes += writeSync(this.#file, encodeEntry(entry))
  }

  /** True when the file holds much that is no longer true. */
  get tooLong(): boolean {
    return this.#bytes > Math.max(limits.journalBytes, 2 * this.#bytesAfterRewrite)
  }

  /** Puts `entries` in the place of everything written so far, in one step. */
  rewrite(entries: Iterable<Entry>): void {
    const next = `${this.#path}.new`
    const file = openSync(next, 'w', 0o600)
    let bytes = 0
    let text = ''
    for (const entry of entries) {
      text += encodeEntry(entry)
      if (text.length < limits.journalLineBytes) continue
      bytes += writeSync(file, text)
      text = ''
    }
    bytes += writeSync(file, text)
    this.close()
    renameSync(next, this.#path)
    this.#file = file
    this.#bytes = bytes
    this.#bytesAfterRewrite = bytes
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file)
    this.#file = -1
  }
}

function encodeEntry({ objects, events, key, settled }: Entry): string {
  const past: Snapshot[] = []
  const place = (snapshot: Snapshot): number => {
    const at = objects.findIndex(({ record }) => record === snapshot.record)
    return at >= 0 ? at : objects.length + past.push(snapshot) - 1
  }
  const e = events.map(({ object, previous, ...event }) => ({
    ...event,
    object: place(object),
    ...(previous ? { previous: place(previous) } : {}),
  }))
  const k = key?.answer ? { ...key, answer: placesOf(key.answer, place) } : undefined
  const line: Line = {
    ...(objects.length > 0 ? { o: objects } : {}),
    ...(past.length > 0 ? { x: past } : {}),
    ...(e.length > 0 ? { e } : {}),
    ...(k ? { k } : {}),
    ...(settled.length > 0 ? { d: settled } : {}),
  }
  return `${JSON.stringify(line)}\n`
}

function placesOf(answer: Answer, place: (snapshot: Snapshot) => number): Places {
  const { object, expanded } = answer
  return { ...answer, object: object && place(object), expanded: expanded.map(place) }
}

function decodeEntry({ o = [], x = [], e = [], k, d = [] }: Line): Entry {
  const at = (place: number): Snapshot => {
    const snapshot = place < o.length ? o[place] : x[place - o.length]
    if (!snapshot) throw new JournalDamaged('a record is missing')
    return snapshot
  }
  return {
    objects: o,
    events: e.map(({ object, previous, ...event }) => ({
      ...event,
      object: at(object),
      ...(previous === undefined ? {} : { previous: at(previous) }),
    })),
    key: k && {
      ...k,
      answer: {
        ...k.answer,
        object: k.answer.object === null ? null : at(k.answer.object),
        expanded: [k.answer.expanded ?? []].flat().map(at),
      },
    },
    settled: d,
  }
}
