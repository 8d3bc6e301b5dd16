/**
 * Products as they are read most: in this process for seconds, in Redis for an hour, in PostgreSQL for
 * good. An edit notes its version in Redis, which keeps out whatever was read before it, and is called out
 * to every process. Without the subscription nothing is kept here: nobody would tell.
 */
import type { Clock } from '../kernel/clock.ts'
import { isUuid } from '../kernel/ids.ts'
import { RecentMap } from '../kernel/recent-map.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import { keepSubscribed } from '../platform/redis/keep-subscribed.ts'
import { putProduct } from './cache-scripts.ts'
import type { Product } from './product.ts'

const keptMs = 10_000
const keptSeconds = 3_600
const keptMax = 4_000
const channelPrefix = 'sluice:product:'

const productKey = (id: string) => `product:${id}`

export interface ProductCacheDeps {
  readonly redis: RedisClient
  readonly clock: Clock
  /** By id or slug. */
  readonly read: (idOrSlug: string) => Promise<Product | null>
}

interface Kept {
  readonly product: Product
  readonly until: number
}

export class ProductCache {
  readonly #deps: ProductCacheDeps
  readonly #kept = new RecentMap<Kept | null>(keptMax)
  readonly #ids = new RecentMap<string>(keptMax)
  readonly #loading = new Map<string, Promise<Product | null>>()
  #live = false
  #edits = 0

  constructor(deps: ProductCacheDeps) {
    this.#deps = deps
  }

  /** Listens for edits; until that works, nothing is kept. The returned function ends it. */
  watch(subscriber: RedisClient): () => void {
    const hear = (_pattern: string, channel: string) => {
      if (channel.startsWith(channelPrefix)) this.forget(channel.slice(channelPrefix.length))
    }
    subscriber.on('pmessage', hear)
    const end = keepSubscribed(subscriber, `${channelPrefix}*`, (live) => {
      this.#live = live
      this.#edits += 1
      this.#kept.clear()
      this.#loading.clear()
    })
    return () => {
      subscriber.off('pmessage', hear)
      end()
    }
  }

  /** Rises with every edit of any product that this process hears of. */
  get edits(): number {
    return this.#edits
  }

  /** What is kept in this process, if it is: the very object that was kept, until it is another. */
  peek(idOrSlug: string): Product | undefined {
    const kept = this.#kept.get(this.#ids.get(idOrSlug) ?? idOrSlug)
    return kept && kept.until > this.#deps.clock.monotonic() ? kept.product : undefined
  }

  /** Null when there is no such product on show. However many ask, one reads. */
  get(idOrSlug: string): Promise<Product | null> {
    const known = this.peek(idOrSlug)
    if (known) return Promise.resolve(known)
    const key = this.#ids.get(idOrSlug) ?? idOrSlug
    const loading = this.#loading.get(key)
    if (loading) return loading
    const load = this.#load(key).then(
      (product) => {
        // A product that was forgotten meanwhile is answered to those who asked before, and not kept.
        if (this.#loading.get(key) === load) {
          this.#loading.delete(key)
          if (product && this.#live) this.#keep(product)
        }
        return product
      },
      (error: unknown) => {
        if (this.#loading.get(key) === load) this.#loading.delete(key)
        throw error
      },
    )
    this.#loading.set(key, load)
    return load
  }

  /** Forgets a product in this process. */
  forget(id: string): void {
    this.#edits += 1
    this.#kept.set(id, null)
    // What is being read may be older than the edit, under whichever name it was asked for.
    this.#loading.clear()
  }

  #keep(product: Product): void {
    this.#ids.set(product.slug, product.id)
    this.#kept.set(product.id, { product, until: this.#deps.clock.monotonic() + keptMs })
  }

  async #load(key: string): Promise<Product | null> {
    const { redis, read } = this.#deps
    // A cache that is away is no reason to fail.
    const body = isUuid(key) ? await redis.hget(productKey(key), 'body').catch(() => null) : null
    if (body) return JSON.parse(body) as Product
    const product = await read(key)
    if (product) {
      await putProduct(
        redis,
        { product: productKey(product.id) },
        { version: product.version, body: JSON.stringify(product), seconds: keptSeconds },
      ).catch(() => false)
    }
    return product
  }
}

/**
 * Makes every process read a product anew; call it after an edit is committed, with the version that the
 * edit made. Rejects when Redis is away: then call it again later.
 */
export async function productChanged(
  redis: RedisClient,
  { id, version }: { readonly id: string; readonly version: number },
): Promise<void> {
  await putProduct(redis, { product: productKey(id) }, { version, body: '', seconds: keptSeconds })
  await redis.publish(`${channelPrefix}${id}`, String(version))
}
