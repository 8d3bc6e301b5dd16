/** Records of one kind in the order of their making, by id; the oldest are forgotten beyond `max`. */
export class Collection<R extends { readonly id: string; readonly created: number }> {
  readonly #max: number
  readonly #byId = new Map<string, { readonly place: number; record: R }>()
  /** Ids by place; what is forgotten leaves a gap at the front until it is cut off. */
  #ids: string[] = []
  #first = 0
  #cutOff = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: string): R | undefined {
    return this.#byId.get(id)?.record
  }

  /** Adds the record, or puts it in the place of the one with its id. */
  put(record: R): void {
    const known = this.#byId.get(record.id)
    if (known) {
      known.record = record
      return
    }
    this.#byId.set(record.id, { place: this.#cutOff + this.#ids.length, record })
    this.#ids.push(record.id)
    if (this.#byId.size > this.#max) this.#forgetOldest()
  }

  /** From the newest to the oldest, beginning after (that is, older than) the one with id `after`. */
  *newestFirst(after?: string): Generator<R> {
    const known = after === undefined ? undefined : this.#byId.get(after)
    if (after !== undefined && !known) return
    const start = known ? known.place - this.#cutOff : this.#ids.length
    for (let index = start - 1; index >= this.#first; index -= 1) {
      const record = this.get(this.#ids[index] ?? '')
      if (record) yield record
    }
  }

  /** From the oldest on. */
  *oldestFirst(): Generator<R> {
    for (const { record } of this.#byId.values()) yield record
  }

  #forgetOldest(): void {
    this.#byId.delete(this.#ids[this.#first] ?? '')
    this.#first += 1
    // Cutting an array's front copies it: done once in a while, it costs nothing per record.
    if (this.#first < this.#max) return
    this.#ids = this.#ids.slice(this.#first)
    this.#cutOff += this.#first
    this.#first = 0
  }
}
