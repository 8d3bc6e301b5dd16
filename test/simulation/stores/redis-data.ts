/** What one Redis holds of the stock domain, as values: it can be lost, copied, and put back as it was earlier. */
import type { Entry, Terms } from '../../../src/stock/protocol/messages.ts'

/** The hash of a gate. */
export interface GateHash {
  generation: number
  units: number
  granted: number
  seq: number
  settled: number
  settledGranted: number
  version: number
  /** '' where no limit counts. */
  pool: string
  limit: number | null
  startsAtMs: number | null
  endsAtMs: number | null
  payable: number | null
  holderBits: number
  terms: Terms
}

/** All keys of one SKU. A gate that is null was never built, or is lost. */
export interface SkuKeys {
  gate: GateHash | null
  mailbox: Entry[]
  buyers: Map<string, number>
  /** Bits that are set in the Bloom filter. */
  holders: Set<number>
}

/** A record under an Idempotency-Key. */
export interface RequestRecord {
  readonly checkoutId: string
  readonly fingerprint: string
}

/** What a rebuild gathers for one generation. */
export interface LoadedKeys {
  readonly requests: Map<string, RequestRecord>
  readonly buyers: Map<string, Map<string, number>>
  readonly holders: Map<string, Set<number>>
}

/** All keys of one partition. */
export interface PartitionKeys {
  /** Null: there is no state. */
  state: { generation: number; runId: string; open: boolean } | null
  /** No generation up to this one may be opened any more. */
  closed: number
  readonly ready: Set<string>
  readonly wanted: Set<string>
  readonly skus: Map<string, SkuKeys>
  /** Day since the epoch → request → record. */
  readonly requests: Map<number, Map<string, RequestRecord>>
  /** By generation. */
  readonly loading: Map<number, LoadedKeys>
}

export type RedisKeys = Map<number, PartitionKeys>

const emptySku = (): SkuKeys => ({
  gate: null,
  mailbox: [],
  buyers: new Map(),
  holders: new Set(),
})

/** The keys of a partition; they are made when missing, as Redis makes keys. */
export function partitionIn(keys: RedisKeys, partition: number): PartitionKeys {
  let found = keys.get(partition)
  if (!found) {
    found = {
      state: null,
      closed: 0,
      ready: new Set(),
      wanted: new Set(),
      skus: new Map(),
      requests: new Map(),
      loading: new Map(),
    }
    keys.set(partition, found)
  }
  return found
}

/** The keys of a SKU in its partition; made when missing. */
export function skuIn({ skus }: PartitionKeys, sku: string): SkuKeys {
  let found = skus.get(sku)
  if (!found) {
    found = emptySku()
    skus.set(sku, found)
  }
  return found
}

/** The request records of a day; made when missing. */
export function requestsOf({ requests }: PartitionKeys, day: number): Map<string, RequestRecord> {
  let found = requests.get(day)
  if (!found) {
    found = new Map()
    requests.set(day, found)
  }
  return found
}

/** A copy that shares nothing that changes. */
export function copyOf(keys: RedisKeys): RedisKeys {
  return new Map([...keys].map(([partition, each]) => [partition, copyOfPartition(each)]))
}

function copyOfPartition(each: PartitionKeys): PartitionKeys {
  return {
    state: each.state && { ...each.state },
    closed: each.closed,
    ready: new Set(each.ready),
    wanted: new Set(each.wanted),
    skus: new Map([...each.skus].map(([sku, keys]) => [sku, copyOfSku(keys)])),
    requests: new Map([...each.requests].map(([day, records]) => [day, new Map(records)])),
    loading: new Map(
      [...each.loading].map(([generation, keys]) => [generation, copyOfLoaded(keys)]),
    ),
  }
}

const copyOfSku = ({ gate, mailbox, buyers, holders }: SkuKeys): SkuKeys => ({
  gate: gate && { ...gate },
  mailbox: [...mailbox],
  buyers: new Map(buyers),
  holders: new Set(holders),
})

const copyOfLoaded = ({ requests, buyers, holders }: LoadedKeys): LoadedKeys => ({
  requests: new Map(requests),
  buyers: new Map([...buyers].map(([sku, counts]) => [sku, new Map(counts)])),
  holders: new Map([...holders].map(([sku, bits]) => [sku, new Set(bits)])),
})
