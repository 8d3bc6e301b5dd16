/**
 * Refusals from memory. Most of a flash sale is refusals, and they need not cost Redis a round
 * trip: a process that was told "sold out" tells others so, for a tenth of a second, unless a probe
 * renews it.
 *
 * A flag carries the gate's version and only moves forward; a message that units fell free ends it;
 * and it dies with the subscription that would bring the message. It never refuses a buyer who may
 * hold a unit (a Bloom filter tells): whose first answer was lost must get the checkout, not a
 * refusal.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { AdmitReply, FreedListener, GateStore, Holders } from '../ports.ts'

const livesMs = 100
const probeEveryMs = 40
/** SKUs that are refused from memory at once, at most. */
const flagsMax = 256

interface Flag {
  readonly holders: Holders
  until: number
  probeAt: number
}

/** What local refusals need, of one API process or worker. */
export interface LocalRefusalsDeps {
  readonly gates: Pick<GateStore, 'holders'>
  readonly clock: Clock
}

/**
 * What one process refuses by itself. The gate asks it before every request and teaches it with
 * every answer; `Wakes` tells it what fell free. Never throws, and rejects nothing.
 */
export class LocalRefusals implements FreedListener {
  readonly #deps: LocalRefusalsDeps
  readonly #flags = new Map<string, Flag>()
  /** The highest version seen of each SKU that was sold out lately. */
  readonly #versions = new Map<string, number>()
  readonly #loading = new Set<string>()
  #subscribed = false

  constructor(deps: LocalRefusalsDeps) {
    this.#deps = deps
  }

  /** Without the subscription nobody would hear that units fell free: every flag dies with it. */
  live(live: boolean): void {
    this.#subscribed = live
    if (!live) this.#flags.clear()
  }

  /**
   * Whether this buyer's wish for `units` can be refused as sold out without asking. Lets a probe
   * through every 40 ms. A wish beyond the limit is refused for that first, and by the gate.
   */
  refuses(sku: string, buyerId: string, units: number): boolean {
    const flag = this.#flags.get(sku)
    if (!flag) return false
    const now = this.#deps.clock.monotonic()
    if (now >= flag.until) {
      this.#flags.delete(sku)
      return false
    }
    if (now >= flag.probeAt) {
      flag.probeAt = now + probeEveryMs
      return false
    }
    return units <= flag.holders.limit && !flag.holders.mayHold(buyerId)
  }

  /** Units fell free at `version`. */
  freed(sku: string, version: number): void {
    this.#see(sku, version)
    const flag = this.#flags.get(sku)
    if (flag && flag.holders.version < version) this.#flags.delete(sku)
  }

  /** Learns from an answer of the gate. */
  learn(sku: string, reply: Extract<AdmitReply, { tag: 'admitted' }>): void {
    const soldOut =
      reply.unitsLeft <= 0 &&
      reply.admissions.every(({ tag }) => tag !== 'ended' && tag !== 'not_open')
    if (!soldOut) {
      this.#flags.delete(sku)
      return
    }
    if (!this.#subscribed || (this.#versions.get(sku) ?? 0) > reply.version) return
    this.#see(sku, reply.version)
    const flag = this.#flags.get(sku)
    if (flag?.holders.version === reply.version) flag.until = this.#deps.clock.monotonic() + livesMs
    else if (!this.#loading.has(sku)) void this.#raise(sku, reply.version)
  }

  /**
   * Fetches who may hold units. Nobody was granted any since the answer, or the version would have
   * risen.
   */
  async #raise(sku: string, version: number): Promise<void> {
    this.#loading.add(sku)
    try {
      const holders = await this.#deps.gates.holders(sku)
      if (holders?.version !== version) return
      if (!this.#subscribed || this.#versions.get(sku) !== version) return
      if (this.#flags.size >= flagsMax) this.#flags.clear()
      const now = this.#deps.clock.monotonic()
      this.#flags.set(sku, { holders, until: now + livesMs, probeAt: now + probeEveryMs })
    } catch {
      // Without the holders everybody asks the gate.
    } finally {
      this.#loading.delete(sku)
    }
  }

  #see(sku: string, version: number): void {
    const seen = this.#versions.get(sku) ?? 0
    if (version <= seen) return
    if (this.#versions.size >= flagsMax * 16) this.#versions.clear()
    this.#versions.set(sku, version)
  }
}
