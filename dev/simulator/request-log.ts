/** How many requests were let in and refused in each second, by endpoint: what a test of pacing reads. */
import { limits } from './limits.ts'

interface Tally {
  accepted: number
  refused: number
}

interface Second extends Tally {
  /** Seconds since the epoch. */
  readonly second: number
  /** Refused ones, by reason. */
  readonly reasons: Record<string, number>
  readonly endpoints: Record<string, Tally>
}

export interface RequestReport {
  readonly accepted: number
  readonly refused: number
  /** The largest number let in within one second: of the account, and of each endpoint. */
  readonly most: { readonly account: number; readonly endpoints: Readonly<Record<string, number>> }
  /** Those in which there was a request, the oldest first. */
  readonly seconds: readonly Second[]
}

/** Remembers the last hour of seconds in which there was a request. */
export class RequestLog {
  #seconds: Second[] = []

  /** Counts one request: let in, or refused for `reason`. */
  note(second: number, endpoint: string, reason: string | undefined): void {
    const now = this.#at(second)
    const own = now.endpoints[endpoint] ?? { accepted: 0, refused: 0 }
    now.endpoints[endpoint] = own
    const what = reason === undefined ? 'accepted' : 'refused'
    now[what] += 1
    own[what] += 1
    if (reason !== undefined) now.reasons[reason] = (now.reasons[reason] ?? 0) + 1
  }

  /** What is known of `since`, in seconds since the epoch, and later. */
  report(since: number): RequestReport {
    const seconds = this.#seconds.filter(({ second }) => second >= since)
    const most: Record<string, number> = {}
    for (const { endpoints } of seconds) {
      for (const [name, { accepted }] of Object.entries(endpoints)) {
        most[name] = Math.max(most[name] ?? 0, accepted)
      }
    }
    const sum = (what: keyof Tally) => seconds.reduce((total, each) => total + each[what], 0)
    const account = seconds.reduce((found, { accepted }) => Math.max(found, accepted), 0)
    return {
      accepted: sum('accepted'),
      refused: sum('refused'),
      most: { account, endpoints: most },
      seconds,
    }
  }

  clear(): void {
    this.#seconds = []
  }

  #at(second: number): Second {
    const last = this.#seconds.at(-1)
    if (last?.second === second) return last
    const fresh: Second = { second, accepted: 0, refused: 0, reasons: {}, endpoints: {} }
    this.#seconds.push(fresh)
    if (this.#seconds.length > limits.loggedSeconds) this.#seconds.shift()
    return fresh
  }
}
