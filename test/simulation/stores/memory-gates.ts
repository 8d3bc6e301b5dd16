/**
 * Gates and partitions in memory. Each verb does what its script in lua/stock does, step by step, in the same order;
 * compare the two when one of them changes.
 */

import type { SkuState } from '../../../src/stock/decide/state.ts'
import type {
  AdmitCall,
  AdmitReply,
  BuyerCount,
  GateAsk,
  GateStore,
  Holders,
  LedgerRow,
  Loading,
  PartitionState,
  PostReply,
  RecentRequest,
  SettleReply,
} from '../../../src/stock/ports.ts'
import { holderBits, holderPositions } from '../../../src/stock/protocol/holders.ts'
import type { Command, Reserve } from '../../../src/stock/protocol/messages.ts'
import type { Offer } from '../../../src/stock/protocol/offers.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { requestField } from '../../../src/stock/protocol/request-record.ts'
import type { Mutants } from '../mutants.ts'
import { judge } from './judge-requests.ts'
import type { MemoryRedis } from './memory-redis.ts'
import {
  type GateHash,
  type LoadedKeys,
  type PartitionKeys,
  partitionIn,
  requestsOf,
  type SkuKeys,
  skuIn,
} from './redis-data.ts'

const dayMs = 86_400_000

export interface MemoryGatesDeps {
  readonly redis: MemoryRedis
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Left out: none. */
  readonly mutants?: Mutants
}

export class MemoryGates implements GateStore {
  readonly #redis: MemoryRedis
  readonly #now: () => number
  readonly #mutants: Mutants

  constructor({ redis, now, mutants = {} }: MemoryGatesDeps) {
    this.#redis = redis
    this.#now = now
    this.#mutants = mutants
  }

  async admit(
    { sku, partition, generation, waitingMax }: AdmitCall,
    asks: readonly GateAsk[],
    ids: readonly string[],
  ): Promise<AdmitReply> {
    const keys = this.#partition(partition)
    const { state } = keys
    if (!state?.open || !this.#isOurs(state)) return { tag: 'closed' }
    const skuKeys = skuIn(keys, sku)
    const { gate } = skuKeys
    if (gate?.generation !== state.generation) return { tag: 'missing' }
    if (generation !== state.generation) return { tag: 'stale', generation: state.generation }
    const today = requestsOf(keys, this.#day())
    const older = this.#mutants.yesterdayForgotten ? undefined : keys.requests.get(this.#day() - 1)
    const judged = judge(
      { gate, waitingMax, nowMs: this.#now(), counted: skuKeys.buyers, known: [today, older] },
      asks,
      ids,
    )
    if (judged.granted.length > 0) this.#append(keys, sku, gate, judged.granted)
    for (const [field, record] of judged.records) today.set(field, record)
    for (const [buyer, units] of judged.counts) skuKeys.buyers.set(buyer, units)
    for (const { buyerId } of judged.granted)
      for (const at of holderPositions(buyerId, gate.holderBits)) skuKeys.holders.add(at)
    const { version, units: unitsLeft } = gate
    return { tag: 'admitted', generation, unitsLeft, version, admissions: judged.answers }
  }

  async post(sku: string, take: number, commands: readonly Command[]): Promise<PostReply> {
    const keys = this.#partition(partitionOf(sku))
    const { state } = keys
    if (!state?.open || !this.#isOurs(state)) return { tag: 'closed' }
    const { gate } = skuIn(keys, sku)
    if (gate?.generation !== state.generation) return { tag: 'missing' }
    if (take > 0 && gate.units < take) return { tag: 'short', unitsLeft: gate.units }
    if (!this.#mutants.commandsTakeNothing) {
      gate.units -= take
      gate.granted += take
    }
    this.#append(keys, sku, gate, [...commands])
    return { tag: 'posted', entry: `${gate.generation}-${gate.seq}` }
  }

  async want(sku: string): Promise<void> {
    const partition = partitionOf(sku)
    this.#partition(partition).wanted.add(sku)
    for (const listener of this.#redis.listeners) listener.wake(partition, '')
  }

  async setTerms({
    sku,
    terms,
    startsAtMs,
    endsAtMs,
    payable,
  }: Offer): Promise<'set' | 'missing' | 'other_pool'> {
    const { gate } = this.#sku(sku)
    if (!gate) return 'missing'
    if (terms.pool !== null && terms.pool !== gate.pool) return 'other_pool'
    Object.assign(gate, { limit: terms.limit, startsAtMs, endsAtMs, payable, terms })
    return 'set'
  }

  async holders(sku: string): Promise<Holders | null> {
    const { gate, holders } = this.#sku(sku)
    if (!gate) return null
    const bits = new Set(holders)
    const { holderBits: size } = gate
    return {
      version: gate.version,
      limit: gate.limit ?? Number.POSITIVE_INFINITY,
      mayHold: (buyerId) => holderPositions(buyerId, size).every((at) => bits.has(at)),
    }
  }

  async available(sku: string): Promise<number | null> {
    const { state } = this.#partition(partitionOf(sku))
    const { gate } = this.#sku(sku)
    return state?.open && gate ? Math.max(0, gate.units) : null
  }

  async look(partition: number): Promise<PartitionState> {
    return this.#look(partition)
  }

  async close(partition: number, generation: number): Promise<PartitionState> {
    const keys = this.#partition(partition)
    keys.closed = Math.max(keys.closed, generation)
    if (keys.state && keys.state.generation <= generation) keys.state.open = false
    return this.#look(partition)
  }

  async beginLoading({ partition, generation }: Loading): Promise<void> {
    this.#partition(partition).loading.delete(generation)
  }

  async loadBuyers(sku: string, generation: number, counts: readonly BuyerCount[]): Promise<void> {
    const { buyers } = this.#loaded(partitionOf(sku), generation)
    const loaded = buyers.get(sku) ?? new Map<string, number>()
    for (const { buyerId, units } of counts) loaded.set(buyerId, units)
    buyers.set(sku, loaded)
  }

  async loadRequests(
    { partition, generation, states }: Loading,
    requests: readonly RecentRequest[],
  ): Promise<void> {
    const loaded = this.#loaded(partition, generation)
    const sizes = new Map(states.map(({ sku, onHand }) => [sku, holderBits(onHand)]))
    for (const { checkoutId, buyerId, key, fingerprint, sku } of requests) {
      const size = sku === null ? undefined : sizes.get(sku)
      if (sku === null || size === undefined) continue
      const holders = loaded.holders.get(sku) ?? new Set<number>()
      for (const at of holderPositions(buyerId, size)) holders.add(at)
      loaded.holders.set(sku, holders)
      if (key !== null) loaded.requests.set(requestField(buyerId, key), { checkoutId, fingerprint })
    }
  }

  async install(state: SkuState, offer: Offer, version: number): Promise<boolean> {
    const { sku, generation, cursor, free, granted, onHand } = state
    const keys = this.#partition(partitionOf(sku))
    keys.wanted.delete(sku)
    const loaded = keys.loading.get(generation)
    const buyers = loaded?.buyers.get(sku)
    const holders = loaded?.holders.get(sku)
    loaded?.buyers.delete(sku)
    loaded?.holders.delete(sku)
    if ((keys.skus.get(sku)?.gate?.generation ?? 0) >= generation) return false
    const { terms, startsAtMs, endsAtMs, payable } = offer
    keys.skus.set(sku, {
      mailbox: [],
      buyers: buyers ?? new Map(),
      holders: holders ?? new Set(),
      gate: {
        ...{ generation, units: free, granted, seq: cursor, settled: cursor },
        ...{ settledGranted: granted, version, pool: terms.pool ?? '', limit: terms.limit },
        ...{ startsAtMs, endsAtMs, payable, holderBits: holderBits(onHand), terms },
      },
    })
    keys.ready.delete(sku)
    return true
  }

  async open(partition: number, generation: number, runId: string): Promise<boolean> {
    const keys = this.#partition(partition)
    const loaded = keys.loading.get(generation)?.requests
    const there = keys.state?.generation ?? 0
    if (there > generation || keys.closed >= generation || this.#redis.runId !== runId) {
      loaded?.clear()
      return false
    }
    keys.requests.delete(this.#day() - 1)
    keys.requests.set(this.#day(), new Map(loaded))
    loaded?.clear()
    keys.state = { generation, runId, open: true }
    return true
  }

  async settle(row: LedgerRow): Promise<SettleReply> {
    const { sku, generation, cursor } = row.state
    const partition = partitionOf(sku)
    const keys = this.#partition(partition)
    const skuKeys = skuIn(keys, sku)
    const { gate } = skuKeys
    if (gate?.generation !== generation) return { tag: 'stale' }
    if (cursor > gate.seq) return { tag: 'gap', entriesLeft: 0, units: gate.units }
    // XTRIM MINID also drops what is of an older generation.
    skuKeys.mailbox = skuKeys.mailbox.filter(
      (entry) =>
        entry.generation > generation || (entry.generation === generation && entry.seq > cursor),
    )
    const settledBefore = gate.settled
    if (cursor > gate.settled || this.#mutants.settleAdds) this.#give(skuKeys, gate, row)
    const entriesLeft = skuKeys.mailbox.length
    const { units } = gate
    const missing = entriesLeft < gate.seq - Math.max(cursor, settledBefore)
    if (missing && !this.#mutants.gapsUnseen) return { tag: 'gap', entriesLeft, units }
    if (entriesLeft === 0) keys.ready.delete(sku)
    return { tag: 'settled', entriesLeft, units }
  }

  #append(
    keys: PartitionKeys,
    sku: string,
    gate: GateHash,
    messages: readonly (Reserve | Command)[],
  ): void {
    gate.seq += 1
    const { generation, seq, granted } = gate
    skuIn(keys, sku).mailbox.push({ generation, seq, granted, messages })
    if (keys.ready.has(sku)) return
    keys.ready.add(sku)
    for (const listener of this.#redis.listeners) listener.wake(partitionOf(sku), sku)
  }

  /** What settle.lua does when the cursor is above the last settled one. */
  #give({ buyers }: SkuKeys, gate: GateHash, { state, shadow }: LedgerRow): void {
    const { sku, cursor, free, granted } = state
    const before = gate.units
    const left = free - (gate.granted - granted)
    if (this.#mutants.settleAdds) gate.units += Math.max(0, left - before) + sum(shadow.values())
    else gate.units = left
    gate.settled = cursor
    gate.settledGranted = granted
    if (!this.#mutants.countsKept) takeBack(buyers, shadow)
    if (before > 0 || gate.units <= 0) return
    gate.version += 1
    for (const listener of this.#redis.listeners) listener.freed(sku, gate.version)
  }

  #look(partition: number): PartitionState {
    const { state } = this.#partition(partition)
    const { runId } = this.#redis
    if (!state) return { runId, generation: 0, open: false, sameServer: false }
    const { generation, open } = state
    return { runId, generation, open, sameServer: this.#isOurs(state) }
  }

  #isOurs({ runId }: { readonly runId: string }): boolean {
    return runId === this.#redis.runId || this.#mutants.runIdsUncompared === true
  }

  #loaded(partition: number, generation: number): LoadedKeys {
    const { loading } = this.#partition(partition)
    const found = loading.get(generation)
    if (found) return found
    const empty: LoadedKeys = { requests: new Map(), buyers: new Map(), holders: new Map() }
    loading.set(generation, empty)
    return empty
  }

  #day(): number {
    return Math.floor(this.#now() / dayMs)
  }

  #partition(partition: number): PartitionKeys {
    return partitionIn(this.#redis.keys, partition)
  }

  #sku(sku: string): SkuKeys {
    return skuIn(this.#partition(partitionOf(sku)), sku)
  }
}

function takeBack(buyers: Map<string, number>, shadow: ReadonlyMap<string, number>): void {
  for (const [buyer, units] of shadow) {
    const left = (buyers.get(buyer) ?? 0) - units
    if (left > 0) buyers.set(buyer, left)
    else buyers.delete(buyer)
  }
}

const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const each of numbers) total += each
  return total
}
