/**
 * Tells requests that wait what became of their checkouts: workers publish, API processes listen.
 *
 * A message of version 1 is the list `[deadline, rows]`. One of a newer version is an object that
 * has its version as `v`. An API process ignores what it does not read, so a new version needs no
 * order of roll-out: meanwhile requests that wait find their checkouts in PostgreSQL, a moment
 * later.
 */
import type { Clock } from '../../kernel/clock.ts'
import { RecentMap } from '../../kernel/recent-map.ts'
import type { Committed } from '../../stock/owner/commit-pass.ts'
import type { Wakes } from '../../stock/ports.ts'

/**
 * What a committed checkout became, for the request that waits: total in minor units, 0 when
 * rejected; `expiresAtMs` in milliseconds since 1970.
 */
export interface Result {
  readonly id: string
  readonly status: 'reserved' | 'rejected'
  readonly total: number
  readonly currency: string | null
  readonly expiresAtMs: number
}

type ResultRow = [id: string, status: 'r' | 'x', total: number, currency: string]

/**
 * For a worker's {@link CommitListener}: the message of one commit; totals are minor units.
 * Undefined when nobody can be waiting for anything in it. Never throws.
 */
export function encodeResults({ decisions, deadline }: Committed): string | undefined {
  const rows: ResultRow[] = []
  for (const { reserved, rejected } of decisions) {
    for (const { checkoutId, key, units, terms } of reserved) {
      if (key !== null) rows.push([checkoutId, 'r', units * terms.price, terms.currency])
    }
    for (const { reserve } of rejected) {
      if (reserve.key !== null) rows.push([reserve.checkoutId, 'x', 0, reserve.terms.currency])
    }
  }
  return rows.length === 0 ? undefined : encode(deadline.getTime(), rows)
}

/**
 * For a worker's {@link CommitListener}: the message of assemblies that were reserved. All hold
 * until `deadline`; totals are minor units. Never throws.
 */
export function encodeReserved(
  deadline: Date,
  checkouts: readonly { readonly id: string; readonly total: number; readonly currency: string }[],
): string {
  return encode(
    deadline.getTime(),
    checkouts.map(({ id, total, currency }) => [id, 'r', total, currency]),
  )
}

function encode(deadlineMs: number, rows: readonly ResultRow[]): string {
  return JSON.stringify([deadlineMs, rows])
}

interface Message {
  readonly expiresAtMs: number
  readonly rows: readonly ResultRow[]
}

/** Undefined for a message of a newer version, and for whatever else is none of ours. */
function decode(message: string): Message | undefined {
  try {
    const content: unknown = JSON.parse(message)
    if (!Array.isArray(content) || !Array.isArray(content[1])) return undefined
    return { expiresAtMs: content[0], rows: content[1] }
  } catch {
    return undefined
  }
}

/** Results that came before anybody waited for them are kept so many, and so long. */
const recentMax = 20_000
/** A partition nobody has waited for is left after so long. */
const leaveAfterMs = 60_000

/** What hearing of results is built from. */
export interface ResultsDeps {
  readonly wakes: Pick<Wakes, 'onResults' | 'listenToResults' | 'leaveResults'>
  readonly clock: Clock
}

/**
 * One for each API process: {@link Checkouts} waits here for what workers publish. A message that
 * is lost costs time only; the checkout is found in PostgreSQL.
 */
export class Results {
  readonly #deps: ResultsDeps
  /** Several requests may wait for one checkout: the first, and its retries. */
  readonly #waiting = new Map<string, Set<(result: Result | null) => void>>()
  readonly #recent = new RecentMap<Result>(recentMax)
  readonly #subscribed = new Map<number, { readonly ready: Promise<unknown>; usedAt: number }>()

  constructor(deps: ResultsDeps) {
    this.#deps = deps
    deps.wakes.onResults((words) => this.#hear(words))
  }

  /**
   * Listens to a partition. Await it before the admission, so that no result can slip past. Rejects
   * when Redis is away.
   */
  async listen(partition: number): Promise<void> {
    const now = this.#deps.clock.monotonic()
    const known = this.#subscribed.get(partition)
    if (known) {
      known.usedAt = now
      return void (await known.ready)
    }
    const ready = this.#deps.wakes.listenToResults(partition)
    this.#subscribed.set(partition, { ready, usedAt: now })
    this.#leaveWhenIdle(partition)
    ready.catch(() => this.#subscribed.delete(partition))
    await ready
  }

  /**
   * The result, or null when `ms` milliseconds have passed or `signal` was aborted. Never rejects.
   */
  wait(id: string, ms: number, signal?: AbortSignal): Promise<Result | null> {
    const recent = this.#recent.get(id)
    if (recent) return Promise.resolve(recent)
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting)
    return new Promise((resolve) => {
      const finish = (result: Result | null) => {
        cancel()
        signal?.removeEventListener('abort', give)
        waiting.delete(finish)
        if (waiting.size === 0) this.#waiting.delete(id)
        resolve(result)
      }
      const give = () => finish(null)
      const cancel = this.#deps.clock.after(ms, give)
      signal?.addEventListener('abort', give, { once: true })
      waiting.add(finish)
    })
  }

  /** Leaves a partition that nobody has waited for lately; else looks again later. */
  #leaveWhenIdle(partition: number): void {
    const { clock, wakes } = this.#deps
    clock.after(leaveAfterMs, () => {
      const known = this.#subscribed.get(partition)
      if (!known) return
      if (clock.monotonic() - known.usedAt < leaveAfterMs) return this.#leaveWhenIdle(partition)
      this.#subscribed.delete(partition)
      wakes.leaveResults(partition)
      if (this.#subscribed.size > 0) return
      this.#recent.clear()
    })
  }

  #hear(message: string): void {
    const read = decode(message)
    if (!read) return
    const { expiresAtMs, rows } = read
    for (const [id, tag, total, currency] of rows) {
      const status = tag === 'r' ? 'reserved' : 'rejected'
      const result: Result = { id, status, total, currency, expiresAtMs }
      const waiting = this.#waiting.get(id)
      if (waiting) for (const finish of [...waiting]) finish(result)
      else this.#recent.set(id, result)
    }
  }
}
