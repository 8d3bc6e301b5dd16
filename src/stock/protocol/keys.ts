/**
 * Every Redis key and channel of the stock domain. The number in braces is the partition: one slot.
 */

/** For gates, owners and lookouts: keys that the SKUs of a partition share. Never throws. */
export const partitionKeys = (partition: number) => ({
  /** hash: generation, run_id, open */
  partition: `{${partition}}:partition`,
  /** set: SKUs whose mailbox is not empty */
  ready: `{${partition}}:ready`,
  /** set: SKUs that somebody asked for and whose gate was never built */
  wanted: `{${partition}}:wanted`,
})

/** For gates and owners: keys of one SKU. Never throws. */
export const skuKeys = (partition: number, sku: string) => ({
  /** hash: units, granted, seq, settled, window, limit, terms */
  gate: `{${partition}}:gate:${sku}`,
  /** stream: the commands that the SKU's actor will commit */
  mailbox: `{${partition}}:mailbox:${sku}`,
  /** hash: buyer → units in the pool on sale */
  buyers: `{${partition}}:buyers:${sku}`,
  /** string: Bloom filter of the buyers who may hold units */
  holders: `{${partition}}:holders:${sku}`,
})

/**
 * For RedisGates: where a rebuild gathers what it loads from PostgreSQL, before one script puts it
 * in place. An owner that was overtaken in the middle writes only here, where its generation's
 * number keeps it apart. Never throws.
 */
export const loadingKeys = (partition: number, sku: string, generation: number) => ({
  loadedBuyers: `{${partition}}:loading:${generation}:buyers:${sku}`,
  loadedHolders: `{${partition}}:loading:${generation}:holders:${sku}`,
})

/** As {@link loadingKeys}, for idempotency records of the partition. Never throws. */
export const loadingRequestsKey = (partition: number, generation: number): string =>
  `{${partition}}:loading:${generation}:requests`

/** Seconds after which what a rebuild loaded, and nobody put in place, is forgotten. */
export const loadingSeconds = 600

const dayMs = 86_400_000

/**
 * For gates: the hash of idempotency records of a day; `back` 0 is today, 1 yesterday. `nowMs` is
 * ms since the epoch; days are of UTC. Each lives two days. Never throws on a time of the clock.
 */
export const requestsKey = (partition: number, nowMs: number, back: 0 | 1): string =>
  `{${partition}}:requests:${Math.floor(nowMs / dayMs) - back}`

/** How the channels begin; the partition's number follows. For subscribing by pattern. */
export const channelPrefixes = {
  wake: 'sluice:wake:',
  freed: 'sluice:freed:',
  results: 'sluice:results:',
} as const

/** The channels of a partition, for publishing and subscribing. */
export const channels = {
  /**
   * "a mailbox of this partition has something"; the message is the SKU, or empty for "look
   * yourself"
   */
  wake: (partition: number) => `${channelPrefixes.wake}${partition}`,
  /** "units fell free"; the message is `<sku> <version>` */
  freed: (partition: number) => `${channelPrefixes.freed}${partition}`,
  /** results of committed checkouts, for requests that wait */
  results: (partition: number) => `${channelPrefixes.results}${partition}`,
}
