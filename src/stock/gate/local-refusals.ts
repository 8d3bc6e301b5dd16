/**
 * Refusals from memory. Most of a flash sale is refusals, and they need not cost Redis a round trip: a
 * process that was told "sold out" tells others so, for a tenth of a second, unless a probe renews it.
 *
 * A flag carries the gate's version and only moves forward; a message that units fell free ends it; and
 * it dies with the subscription that would bring the message. It never refuses a buyer who may hold a
 * unit (a Bloom filter tells): whose first answer was lost must get the checkout, not a refusal.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { mayHold } from '../protocol/holders.ts'
import { skuKeys } from '../protocol/keys.ts'
import { partitionOf } from '../protocol/partition.ts'
import type { AdmitReply } from './scripts.ts'

const livesMs = 100
const probeEveryMs = 40
/** SKUs that are refused from memory at once, at most. */
const flagsMax = 256

interface Flag {
  readonly version: number
  readonly bits: number
  readonly filter: Buffer
  /** Units per buyer; infinite without a limit. */
  readonly limit: number
  until: number
  probeAt: number
}

export interface LocalRefusalsDeps {
  readonly redis: RedisClient
  readonly clock: Clock
}

export class LocalRefusals {
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
  set subscribed(live: boolean) {
    this.#subscribed = live
    if (!live) this.#flags.clear()
  }

  /**
   * Whether this buyer's wish for `units` can be refused as sold out without asking. Lets a probe through
   * now and then. A wish beyond the limit is refused for that first, and by the gate.
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
    return units <= flag.limit && !mayHold(flag.filter, flag.bits, buyerId)
  }

  /** Units fell free at `version`. */
  freed(sku: string, version: number): void {
    this.#see(sku, version)
    const flag = this.#flags.get(sku)
    if (flag && flag.version < version) this.#flags.delete(sku)
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
    if (flag?.version === reply.version) flag.until = this.#deps.clock.monotonic() + livesMs
    else if (!this.#loading.has(sku)) void this.#raise(sku, reply.version)
  }

  /** Fetches who may hold units. Nobody was granted any since the answer, or the version would have risen. */
  async #raise(sku: string, version: number): Promise<void> {
    this.#loading.add(sku)
    try {
      const { redis, clock } = this.#deps
      const keys = skuKeys(partitionOf(sku), sku)
      // In this order on one connection: a gate that was rebuilt in between has another version.
      const [filter, [bits, limit, stands]] = await Promise.all([
        redis.getBuffer(keys.holders),
        redis.hmget(keys.gate, 'holder_bits', 'limit', 'version'),
      ])
      if (!bits || Number(stands) !== version) return
      if (!this.#subscribed || this.#versions.get(sku) !== version) return
      if (this.#flags.size >= flagsMax) this.#flags.clear()
      const now = clock.monotonic()
      this.#flags.set(sku, {
        version,
        bits: Number(bits),
        filter: filter ?? Buffer.alloc(0),
        limit: limit ? Number(limit) : Number.POSITIVE_INFINITY,
        until: now + livesMs,
        probeAt: now + probeEveryMs,
      })
    } catch {
      // Without the filter everybody asks the gate.
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
