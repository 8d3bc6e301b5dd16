/** Gates and partitions in Redis: each verb is one script, or one plain command. */
import type { RedisClient } from '../../platform/redis/client.ts'
import type { SkuState } from '../decide/state.ts'
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
} from '../ports.ts'
import { holderBits, mayHold } from '../protocol/holders.ts'
import {
  channels,
  loadingKeys,
  loadingRequestsKey,
  partitionKeys,
  requestsKey,
  skuKeys,
} from '../protocol/keys.ts'
import { type Command, encodeCommand, encodeCommands, encodeReserve } from '../protocol/messages.ts'
import type { Offer } from '../protocol/offers.ts'
import { partitionOf } from '../protocol/partition.ts'
import { requestRecord } from '../protocol/request-record.ts'
import { beginLoading, loadBuyers, loadRequests } from './redis-loading.ts'
import {
  admit,
  closePartition,
  installGate,
  openPartition,
  postCommand,
  setTerms,
  settle,
  wantGate,
} from './scripts.ts'

/**
 * The gates of one Redis, over one connection. API processes give it one of the purpose `gate`,
 * which fails at once; workers one of the purpose `patient`. Rejects with the client's error when
 * Redis is away.
 */
export class RedisGates implements GateStore {
  readonly #redis: RedisClient
  /** Milliseconds since the epoch: names the day whose idempotency records are read and written. */
  readonly #now: () => number

  constructor(redis: RedisClient, now: () => number) {
    this.#redis = redis
    this.#now = now
  }

  admit(
    { sku, partition, generation, waitingMax }: AdmitCall,
    asks: readonly GateAsk[],
    ids: readonly string[],
  ): Promise<AdmitReply> {
    const now = this.#now()
    const rest: (string | number)[] = []
    asks.forEach(({ request, field }, i) => {
      const { buyerId, units, key, fingerprint, parts } = request
      const id = ids[i] as string
      const message = encodeReserve(id, buyerId, units, key, fingerprint, parts)
      rest.push(field, buyerId, units, requestRecord(id, fingerprint), message)
    })
    return admit(
      this.#redis,
      {
        ...partitionKeys(partition),
        ...skuKeys(partition, sku),
        today: requestsKey(partition, now, 0),
        yesterday: requestsKey(partition, now, 1),
      },
      { sku, wake: channels.wake(partition), generation, waitingMax },
      rest,
    )
  }

  post(sku: string, take: number, commands: readonly Command[]): Promise<PostReply> {
    const partition = partitionOf(sku)
    const [first] = commands
    const command = first && commands.length === 1 ? encodeCommand(first) : encodeCommands(commands)
    return postCommand(
      this.#redis,
      { ...partitionKeys(partition), ...skuKeys(partition, sku) },
      { sku, wake: channels.wake(partition), take, command },
    )
  }

  want(sku: string): Promise<void> {
    const partition = partitionOf(sku)
    const wake = channels.wake(partition)
    return wantGate(this.#redis, partitionKeys(partition), { sku, wake })
  }

  setTerms(offer: Offer): Promise<'set' | 'missing' | 'other_pool'> {
    const { gate } = skuKeys(partitionOf(offer.sku), offer.sku)
    return setTerms(this.#redis, { gate }, termsOf(offer))
  }

  async holders(sku: string): Promise<Holders | null> {
    const keys = skuKeys(partitionOf(sku), sku)
    // In this order on one connection: a gate that was rebuilt in between has another version.
    const [filter, [bits, limit, version]] = await Promise.all([
      this.#redis.getBuffer(keys.holders),
      this.#redis.hmget(keys.gate, 'holder_bits', 'limit', 'version'),
    ])
    if (!bits) return null
    return {
      version: Number(version),
      limit: limit ? Number(limit) : Number.POSITIVE_INFINITY,
      mayHold: (buyerId) => filter !== null && mayHold(filter, Number(bits), buyerId),
    }
  }

  async available(sku: string): Promise<number | null> {
    const partition = partitionOf(sku)
    const [[open], [units]] = (await Promise.all([
      this.#redis.hmget(partitionKeys(partition).partition, 'open'),
      this.#redis.hmget(skuKeys(partition, sku).gate, 'units'),
    ])) as [(string | null)[], (string | null)[]]
    return open === '1' && typeof units === 'string' ? Math.max(0, Number(units)) : null
  }

  look(partition: number): Promise<PartitionState> {
    return closePartition(this.#redis, partitionKeys(partition), { closing: '' })
  }

  close(partition: number, generation: number): Promise<PartitionState> {
    return closePartition(this.#redis, partitionKeys(partition), { closing: generation })
  }

  beginLoading(loading: Loading): Promise<void> {
    return beginLoading(this.#redis, loading)
  }

  loadBuyers(sku: string, generation: number, counts: readonly BuyerCount[]): Promise<void> {
    return loadBuyers(this.#redis, sku, generation, counts)
  }

  loadRequests(loading: Loading, requests: readonly RecentRequest[]): Promise<void> {
    return loadRequests(this.#redis, loading, requests)
  }

  install(state: SkuState, offer: Offer, version: number): Promise<boolean> {
    const { sku, generation, cursor, free, granted, onHand } = state
    const partition = partitionOf(sku)
    const { ready, wanted } = partitionKeys(partition)
    return installGate(
      this.#redis,
      { ...skuKeys(partition, sku), ...loadingKeys(partition, sku, generation), ready, wanted },
      {
        sku,
        generation,
        cursor,
        units: free,
        granted,
        version,
        holderBits: holderBits(onHand),
        ...termsOf(offer),
      },
    )
  }

  open(partition: number, generation: number, runId: string): Promise<boolean> {
    const now = this.#now()
    const keys = {
      partition: partitionKeys(partition).partition,
      today: requestsKey(partition, now, 0),
      yesterday: requestsKey(partition, now, 1),
      loadedRequests: loadingRequestsKey(partition, generation),
    }
    return openPartition(this.#redis, keys, { generation, runId })
  }

  settle({ state, shadow }: LedgerRow): Promise<SettleReply> {
    const { sku, generation, cursor, free, granted } = state
    const partition = partitionOf(sku)
    const deltas: (string | number)[] = []
    for (const [buyerId, units] of shadow) deltas.push(buyerId, -units)
    return settle(
      this.#redis,
      { ...skuKeys(partition, sku), ready: partitionKeys(partition).ready },
      { sku, freed: channels.freed(partition), generation, cursor, free, granted },
      deltas,
    )
  }
}

/** An offer as the gate's scripts take it: an empty text where there is no limit and no bound. */
function termsOf({ terms, startsAtMs, endsAtMs, payable }: Offer) {
  return {
    pool: terms.pool ?? '',
    limit: terms.limit ?? '',
    startsMs: startsAtMs ?? '',
    endsMs: endsAtMs ?? '',
    payable: payable ?? '',
    terms: JSON.stringify(terms),
  }
}
