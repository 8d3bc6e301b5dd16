/**
 * The state of one limit, in this process. It does to the letter what lua/lib/read-bucket.lua,
 * earliest.lua, write-bucket.lua and lua/payments/slow-down.lua do in Redis; a test compares them.
 */

/**
 * A second, and the 60 ms by which two calls may come closer to each other on their way: in no
 * second does the provider see more calls than the limit.
 */
const secondMs = 1_060
/** Calls that nobody made are made up for, within this time. Milliseconds. */
const madeUpMs = 125
const madeUpBackgroundMs = 60
/** What the background leaves free, unless it is due. */
const backgroundShare = 0.8
/** Paces between two calls that the background gets in any case: a twentieth of them all. */
const backgroundEvery = 20
const lowestShare = 0.1
const lowerBy = 0.7
/** One moment: refusals within it lower the rate once. Milliseconds. */
const momentMs = 1_000
const pauseMs = 200

/** For `owed`, `spare` and `buyer` see lua/lib/earliest.lua. */
export type Asks = 'buyer' | 'owed' | 'spare'

/** One limit of `limit` calls a second, above 0. Times are milliseconds that never go back. */
export class Bucket {
  readonly #limit: number
  /** When calls were granted, the newest last. */
  #log: number[] = []
  #dueAt = 0
  #rate: number
  #rateAt = 0
  #loweredAt = Number.NEGATIVE_INFINITY
  #pausedUntil = 0
  #backAt = 0
  #owedUntil = 0

  constructor(limit: number) {
    this.#limit = limit
    this.#rate = limit
  }

  /** Milliseconds from one call to the next, at this pace. */
  everyMs(now: number): number {
    return secondMs / this.#rateNow(now)
  }

  /** When there is room for one more call: `now` or before it is at once. */
  earliest(asks: Asks, now: number): number {
    const rate = this.#rateNow(now)
    const all = Math.max(1, Math.floor(rate))
    const spanMs = (secondMs * all) / rate
    const cap = asks === 'spare' ? Math.max(1, Math.floor(all * backgroundShare)) : all
    const kept = asks === 'buyer' && this.#owedUntil > now ? 1 : 0
    const paced =
      this.#dueFrom(now) +
      kept * (secondMs / rate) -
      (asks === 'spare' ? madeUpBackgroundMs : madeUpMs)
    const place = cap - 1 - kept
    const before = place < 0 ? now : (this.#log.at(-1 - place) ?? -spanMs)
    return Math.max(paced, before + spanMs, this.#pausedUntil)
  }

  /** Whether the background is to get a call in any case. */
  backgroundIsDue(now: number): boolean {
    return this.#backAt <= now || this.#backAt > now + 2 * backgroundEvery * this.everyMs(now)
  }

  /** Keeps one call from buyers, for the background that found no room before `at`. */
  owe(at: number, now: number): void {
    this.#owedUntil = Math.min(at, now + 1_000) + 50
  }

  /** Notes a call that is granted. */
  note(urgency: 'buyer' | 'background', now: number): void {
    const everyMs = this.everyMs(now)
    this.#dueAt = this.#dueFrom(now) + everyMs
    this.#log.push(now)
    // Cut now and then: to move a list for every call costs more than a second list.
    const kept = Math.ceil(this.#limit)
    if (this.#log.length > 2 * kept) this.#log = this.#log.slice(-kept)
    if (urgency === 'background') {
      this.#backAt = now + backgroundEvery * everyMs
      this.#owedUntil = 0
    }
  }

  /** The provider refused a rate. False: this moment has been counted. */
  lower(now: number): boolean {
    if (now - this.#loweredAt < momentMs) return false
    this.#rate = Math.max(this.#limit * lowestShare, this.#rateNow(now) * lowerBy)
    this.#rateAt = now
    this.#loweredAt = now
    return true
  }

  /** The provider refused to do so many things at once. */
  pause(now: number): void {
    this.#pausedUntil = now + pauseMs
  }

  /** What was noted at a much slower pace is forgotten. */
  #dueFrom(now: number): number {
    const latest = now + madeUpMs + 2 * this.everyMs(now)
    return this.#dueAt > latest ? now : Math.max(now, this.#dueAt)
  }

  #rateNow(now: number): number {
    return Math.min(this.#limit, this.#rate + ((now - this.#rateAt) * this.#limit) / 50_000)
  }
}
