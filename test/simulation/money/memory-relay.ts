/** Rows that a worker works off, as the inbox of events and the outbox have them: claimed, ended, tried again, parked. */
export interface RelayRow {
  state: 'open' | 'done' | 'parked'
  attempts: number
  dueAtMs: number
}

export interface Claimed<Row> {
  readonly id: string
  readonly row: Row
  readonly attempts: number
}

const claimedForMs = 30_000

export class MemoryRelay<Row extends RelayRow> {
  readonly #rows: () => Iterable<[string, Row]>
  readonly #now: () => number

  constructor(rows: () => Iterable<[string, Row]>, now: () => number) {
    this.#rows = rows
    this.#now = now
  }

  async claim(max: number): Promise<Claimed<Row>[]> {
    const due = [...this.#rows()]
      .filter(([, { state, dueAtMs }]) => state === 'open' && dueAtMs <= this.#now())
      .slice(0, max)
    return due.map(([id, row]) => {
      row.dueAtMs = this.#now() + claimedForMs
      return { id, row, attempts: row.attempts }
    })
  }

  async end(id: string): Promise<void> {
    const row = this.#find(id)
    if (row?.state === 'open') row.state = 'done'
  }

  /** Due again in `retryInMs`; null: an operator has to look. */
  async fail(id: string, retryInMs: number | null): Promise<void> {
    const row = this.#find(id)
    if (row?.state !== 'open') return
    row.attempts += 1
    if (retryInMs === null) row.state = 'parked'
    else row.dueAtMs = this.#now() + retryInMs
  }

  #find(id: string): Row | undefined {
    for (const [each, row] of this.#rows()) if (each === id) return row
    return undefined
  }
}

/** Whether a claim would find something. */
export function hasDue(rows: Iterable<[string, RelayRow]>, nowMs: number): boolean {
  for (const [, { state, dueAtMs }] of rows) if (state === 'open' && dueAtMs <= nowMs) return true
  return false
}
