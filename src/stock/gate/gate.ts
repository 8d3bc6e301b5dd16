/**
 * The API's side of the gate. The requests that one process has waiting for a SKU go in one script
 * call and become one mailbox entry; the next call leaves when the last has answered, or beside it
 * once a dozen wait. There is no timer: an idle gate answers in one round trip, a busy one shares
 * its round trips, and their flush to disk, among all who wait.
 */
import { backoffMs } from '../../kernel/backoff.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/random.ts'
import { RecentMap } from '../../kernel/recent-map.ts'
import type { Admission, AdmitReply, GateAsk, GateRequest, GateStore } from '../ports.ts'
import type { CheckoutIds } from '../protocol/checkout-id.ts'
import { partitionOf } from '../protocol/partition.ts'
import { readRequestRecord, requestField, requestRecord } from '../protocol/request-record.ts'
import type { LocalRefusals } from './local-refusals.ts'

/**
 * What became of a request at the gate; the reserve flow turns it into an answer. `unitsLeft` is
 * units.
 */
export type GateOutcome =
  | { readonly tag: 'granted'; readonly checkoutId: string; readonly unitsLeft: number }
  | Exclude<Admission, { tag: 'granted' }>
  | { readonly tag: 'unknown_sku' }
  /** Nothing is known to have been written, but for a lost reply it may have been. */
  | { readonly tag: 'unavailable'; readonly uncertain: boolean }

type Known = Extract<Admission, { tag: 'repeated' }>

/** What a gate needs, of one API process or worker. */
export interface GateDeps {
  /** Fails at once instead of sending twice. */
  readonly gates: Pick<GateStore, 'admit' | 'want'>
  readonly ids: CheckoutIds
  readonly refusals: LocalRefusals
  readonly clock: Clock
  readonly random: Random
  /** Whether the SKU exists in the ledger; asked only when it has no gate. */
  readonly skuExists: (sku: string) => Promise<boolean>
  /** Units granted and not yet committed, at most; then the gate answers `full`. */
  readonly waitingUnitsMax: number
}

interface Pending extends GateAsk {
  readonly resolve: (outcome: GateOutcome) => void
  /** Until when it waits for a gate that does not admit. */
  readonly until: number
}

interface Queue {
  readonly waiting: Pending[]
  /** Script calls that are under way or about to leave. */
  calls: number
}

/** Script calls for one SKU that are under way at once, at most. */
const callsMax = 2
/** So many waiting requests are worth a call beside the one under way. */
const worthACall = 12
/** Requests of one script call, at most. */
const batchMax = 128
/** Requests that one process keeps waiting for one SKU, at most. */
const pendingMax = 20_000
/** Admissions that are remembered, at most. */
const recentMax = 20_000
/** How long a request waits for a gate that is being built or rebuilt. */
const patienceMs = 2_000

/**
 * The gate as one API process, or one worker, asks it for units; strategies and assemblies call it.
 * Never rejects: an outage is the outcome `unavailable`.
 */
export class Gate {
  readonly #deps: GateDeps
  readonly #queues = new Map<string, Queue>()
  /**
   * What this process admitted lately: a key that comes again with another SKU meets another gate.
   */
  readonly #recent = new RecentMap<string>(recentMax)
  /** The generation each partition was last seen at; ids are minted for it. */
  readonly #generations = new Map<number, number>()

  constructor(deps: GateDeps) {
    this.#deps = deps
  }

  /**
   * Asks for units, for a checkout. Never rejects; resolves within the patience (2,000 ms) plus one
   * round trip.
   */
  admit(request: GateRequest): Promise<GateOutcome> | GateOutcome {
    if (this.#deps.refusals.refuses(request.sku, request.buyerId, request.units))
      return { tag: 'sold_out', unitsLeft: 0 }
    const field = request.key === null ? '' : requestField(request.buyerId, request.key)
    const known = this.#known(field)
    if (known && known.fingerprint !== request.fingerprint) return known
    return new Promise((resolve) => {
      const until = this.#deps.clock.monotonic() + patienceMs
      const pending = { request, field, resolve, until }
      const queue = this.#queues.get(request.sku) ?? { waiting: [], calls: 0 }
      if (queue.waiting.length >= pendingMax) {
        resolve({ tag: 'unavailable', uncertain: false })
        return
      }
      queue.waiting.push(pending)
      if (queue.calls === 0 || (queue.calls < callsMax && queue.waiting.length >= worthACall)) {
        this.#queues.set(request.sku, queue)
        void this.#drain(request.sku, queue)
      }
    })
  }

  async #drain(sku: string, queue: Queue): Promise<void> {
    queue.calls += 1
    while (queue.waiting.length > 0) {
      // What has arrived on other sockets by now comes along, and shares the round trip.
      await this.#deps.clock.turn()
      const batch = queue.waiting.splice(0, batchMax)
      if (batch.length === 0) break
      try {
        await this.#send(sku, batch)
      } catch {
        // The reply is lost, not the effect: the buyer's retry with the same key finds out.
        for (const { resolve } of batch) resolve({ tag: 'unavailable', uncertain: true })
        // Who has waited too long behind a call that failed would wait for the next one to fail.
        const now = this.#deps.clock.monotonic()
        const late = queue.waiting.findIndex(({ until }) => until > now)
        for (const { resolve } of queue.waiting.splice(0, late < 0 ? queue.waiting.length : late))
          resolve({ tag: 'unavailable', uncertain: false })
      }
    }
    queue.calls -= 1
    if (queue.calls === 0) this.#queues.delete(sku)
  }

  async #send(sku: string, batch: readonly Pending[]): Promise<void> {
    const { gates, clock, random, waitingUnitsMax } = this.#deps
    const partition = partitionOf(sku)
    const deadline = (batch[0] as Pending).until
    for (let attempt = 0; ; attempt++) {
      const generation = this.#generations.get(partition) ?? 0
      const ids = batch.map(
        ({ request }) =>
          request.checkoutId ?? this.#deps.ids.mint(partition, generation, request.buyerId),
      )
      const call = { sku, partition, generation, waitingMax: waitingUnitsMax }
      const reply = await gates.admit(call, batch, ids)
      if (reply.tag === 'admitted') return this.#answer(sku, batch, ids, reply)
      const late = clock.monotonic() >= deadline
      if (reply.tag === 'stale' && !late) {
        this.#generations.set(partition, reply.generation)
        continue
      }
      if (reply.tag === 'missing' && !(await this.#ask(sku))) {
        for (const { resolve } of batch) resolve({ tag: 'unknown_sku' })
        return
      }
      if (late) {
        for (const { resolve } of batch) resolve({ tag: 'unavailable', uncertain: false })
        return
      }
      // One more try at the end of the patience, and none after it.
      const pause = backoffMs(attempt, { baseMs: 4, maxMs: 100, random })
      await clock.sleep(Math.min(pause, Math.max(deadline - clock.monotonic(), 0)))
    }
  }

  #answer(
    sku: string,
    batch: readonly Pending[],
    ids: readonly string[],
    reply: Extract<AdmitReply, { tag: 'admitted' }>,
  ): void {
    this.#deps.refusals.learn(sku, reply)
    batch.forEach(({ request, field, resolve }, i) => {
      const admission = reply.admissions[i] as Admission
      if (admission.tag !== 'granted') {
        resolve(admission)
        return
      }
      const checkoutId = ids[i] as string
      // One string, not an object: at full speed, what is kept here is most of what the collector copies.
      if (field !== '') this.#recent.set(field, requestRecord(checkoutId, request.fingerprint))
      resolve({ tag: 'granted', checkoutId, unitsLeft: admission.unitsLeft })
    })
  }

  /** What this process admitted lately under a key, if anything: PostgreSQL may not have it yet. */
  known(buyerId: string, key: string): Known | undefined {
    return this.#known(requestField(buyerId, key))
  }

  #known(field: string): Known | undefined {
    const record = this.#recent.get(field)
    return record === undefined ? undefined : { tag: 'repeated', ...readRequestRecord(record) }
  }

  /** Asks the owner to build the gate; resolves false when there is no such SKU. */
  async #ask(sku: string): Promise<boolean> {
    if (!(await this.#deps.skuExists(sku))) return false
    await this.#deps.gates.want(sku)
    return true
  }
}
