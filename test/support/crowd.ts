/**
 * A crowd of distinct buyers, each wanting one or two units once, who keep a record of every answer. Who
 * gets no answer, or is told to come back, tries again with the same key on another API process.
 */
import assert from 'node:assert/strict'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { eventually } from './eventually.ts'
import type { Shop } from './processes.ts'

export interface Purchase {
  readonly buyerId: string
  readonly key: string
  readonly sku: string
  readonly units: number
  /** Checkouts that a 201 or 202 has named, in order; more than one only after a loss. */
  readonly checkouts: string[]
  /** Those that an answer called reserved: they may never be lost. */
  readonly reserved: Set<string>
  /** Refused for good at the last try. */
  refused: boolean
}

export interface CrowdOptions {
  /** Buyers who try at the same time; default 8. */
  readonly atOnce?: number
  /** Each waits so long between two purchases. Milliseconds; default 8. */
  readonly pauseMs?: number
  /** Whether some press the button again although they have an answer; default true. */
  readonly pressAgain?: boolean
}

interface Answer {
  readonly status: number
  readonly body: { readonly id?: string; readonly status?: string; readonly code?: string }
  readonly retryAfter: string | null
}

/** A buyer gives up after so many tries, or milliseconds; the test then fails. */
const triesMax = 400
const patienceMs = 45_000
const answerMs = 8_000

export class Crowd {
  readonly purchases: Purchase[] = []
  /** Answers that nobody should ever get, as sentences. */
  readonly surprises: string[] = []
  /** How often an API could not answer: no connection, or the connection ended. By address. */
  readonly unanswered = new Map<string, number>()
  /** How often an API asked to come back later. By address. */
  readonly askedBack = new Map<string, number>()
  readonly #shop: Shop
  readonly #options: Required<CrowdOptions>
  readonly #loops: Promise<void>[] = []
  #stopping = false
  #count = 0

  constructor(shop: Shop, options: CrowdOptions = {}) {
    this.#shop = shop
    this.#options = { atOnce: 8, pauseMs: 8, pressAgain: true, ...options }
  }

  get accepted(): number {
    return this.purchases.filter(({ checkouts }) => checkouts.length > 0).length
  }

  start(): this {
    this.#stopping = false
    for (let i = 0; i < this.#options.atOnce; i++) this.#loops.push(this.#loop())
    return this
  }

  /** Waits until so many more purchases than now are accepted. */
  async acceptedMore(count: number): Promise<void> {
    const target = this.accepted + count
    await eventually(() => assert.ok(this.accepted >= target, this.#said()), {
      timeoutMs: 20_000,
    })
  }

  /** Waits until every SKU's free units are gone, then lets nobody else begin. */
  async sellOut(): Promise<void> {
    await eventually(
      async () => {
        const rows = await this.#shop.rows<{ sku: string; free: number }>(
          'select sku, free from ledger where free > 0',
        )
        assert.deepEqual(rows, [], this.#said())
      },
      { timeoutMs: 30_000, everyMs: 50 },
    )
    await this.stop()
  }

  /** Lets nobody else begin; resolves when those under way have an answer. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#loops.splice(0))
  }

  /** Tries until there is an answer for good, and records it. */
  async buy(purchase: Purchase, first = 0): Promise<void> {
    const deadline = systemClock.monotonic() + patienceMs
    for (let i = 0; i < triesMax && systemClock.monotonic() < deadline; i++) {
      if (this.#shop.ended.aborted) return
      const api = this.#shop.apis[(first + i) % this.#shop.apis.length]
      assert.ok(api)
      const answer = await this.#post(api.url, purchase)
      if (answer && this.#note(api.url, purchase, answer)) return
      await systemClock.sleep(20 + 10 * Math.min(i, 18))
    }
    this.surprises.push(`${purchase.key} found no end`)
  }

  async #loop(): Promise<void> {
    const { skus } = this.#shop
    while (!this.#stopping && !this.#shop.ended.aborted) {
      const n = this.#count++
      const purchase: Purchase = {
        buyerId: newId(),
        key: `purchase-${n}`,
        sku: skus[n % skus.length]?.sku ?? '',
        units: n % 3 === 0 ? 2 : 1,
        checkouts: [],
        reserved: new Set(),
        refused: false,
      }
      this.purchases.push(purchase)
      await this.buy(purchase, n)
      if (this.#options.pressAgain && n % 5 === 0 && !purchase.refused)
        await this.buy(purchase, n + 1)
      await systemClock.sleep(this.#options.pauseMs)
    }
  }

  /** True when the answer is for good. */
  #note(url: string, purchase: Purchase, { status, body, retryAfter }: Answer): boolean {
    if (status === 201 || status === 202) {
      const id = body.id ?? ''
      if (body.status === 'lost') return true
      if (purchase.checkouts.at(-1) !== id) purchase.checkouts.push(id)
      if (body.status === 'reserved') purchase.reserved.add(id)
      purchase.refused = false
      return true
    }
    if (status === 409 && body.code === 'sold_out') {
      purchase.refused = true
      return true
    }
    if (status === 503 && body.code === 'overloaded' && Number(retryAfter) >= 1) {
      count(this.askedBack, url)
      return false
    }
    this.surprises.push(
      `${purchase.key}: ${status} ${JSON.stringify(body)}, Retry-After ${retryAfter}`,
    )
    return true
  }

  async #post(url: string, purchase: Purchase): Promise<Answer | undefined> {
    const { buyerId, key, sku, units } = purchase
    try {
      const response = await fetch(`${url}/api/checkouts`, {
        method: 'POST',
        headers: {
          authorization: this.#shop.bearer(buyerId),
          'content-type': 'application/json',
          'idempotency-key': key,
          // Every fourth wants to know how it ends.
          ...(Number(key.slice(9)) % 4 === 0 ? { prefer: 'wait=1' } : {}),
        },
        body: JSON.stringify({ items: [{ sku, quantity: units }] }),
        signal: AbortSignal.timeout(answerMs),
      })
      const body = (await response.json()) as Answer['body']
      return { status: response.status, body, retryAfter: response.headers.get('retry-after') }
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') {
        this.surprises.push(`${key}: no answer from ${url} within ${answerMs / 1000} s`)
      }
      count(this.unanswered, url)
      return undefined
    }
  }

  #said(): string {
    return `${this.purchases.length} purchases, ${this.accepted} accepted; ${this.surprises.slice(0, 5).join('; ')}`
  }
}

function count(counts: Map<string, number>, url: string): void {
  counts.set(url, (counts.get(url) ?? 0) + 1)
}
