/** Carts in Redis: one for each account on all its devices, and one for each guest. */
import { AppError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import { limits } from '../kernel/limits.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import {
  addToCart,
  asArguments,
  type CartContent,
  type CartLine,
  freezeLines,
  handOver,
  letLinesGo,
  putAway,
  readCart,
  removeFromCart,
  setInCart,
  takeIn,
  takeLines,
} from './cart-scripts.ts'
import { type CartView, type PricedSku, viewOf } from './cart-view.ts'

/** A guest names their cart by an id of their own; an account has one, and nobody else can name it. */
export interface CartOwner {
  readonly kind: 'account' | 'guest'
  /** A lower-case UUID. */
  readonly id: string
}

export interface CartsDeps {
  /** A connection of the purpose `gate`. */
  readonly redis: RedisClient
  /** Those of the SKUs that are sold, with prices and availability of this moment. */
  readonly priced: (skus: readonly string[]) => Promise<readonly PricedSku[]>
  /** How long a cart lives that nobody looks at; default 30 days. */
  readonly ttlMs?: number
}

const dayMs = 86_400_000
const defaultTtlMs = 30 * dayMs
/** As long as the gate remembers an Idempotency-Key. */
const keptMs = 2 * dayMs
/** Parcels of one log-in: one that a crash left behind, the cart itself, and what came meanwhile. */
const parcelsMax = 3

/** All keys of a cart share its slot. */
const keyOf = ({ kind, id }: CartOwner): string => `{cart:${kind}:${id}}`

export class Carts {
  readonly #redis: RedisClient
  readonly #priced: CartsDeps['priced']
  readonly #ttlMs: number

  constructor({ redis, priced, ttlMs = defaultTtlMs }: CartsDeps) {
    this.#redis = redis
    this.#priced = priced
    this.#ttlMs = ttlMs
  }

  async read(owner: CartOwner): Promise<CartView> {
    return this.#view(
      owner,
      await readCart(this.#redis, { cart: keyOf(owner) }, { ttlMs: this.#ttlMs }),
    )
  }

  /** Adds units to a line. @throws AppError not_found, or validation_failed when the cart cannot hold them. */
  async add(owner: CartOwner, { sku, quantity }: CartLine): Promise<CartView> {
    if ((await this.#priced([sku])).length === 0) {
      throw new AppError('not_found', `There is no SKU ${sku}.`, { members: { sku } })
    }
    const reply = await addToCart(
      this.#redis,
      { cart: keyOf(owner) },
      {
        ttlMs: this.#ttlMs,
        linesMax: limits.checkoutLines,
        unitsMax: limits.lineUnits,
        sku,
        quantity,
      },
    )
    if (reply.tag === 'cart') return this.#view(owner, reply)
    const error =
      reply.tag === 'full'
        ? { path: 'sku', message: `A cart has ${limits.checkoutLines} lines at most` }
        : {
            path: 'quantity',
            message: `A line has ${limits.lineUnits} units at most; ${reply.has} are in it already`,
          }
    throw new AppError('validation_failed', `${error.message}.`, { errors: [error] })
  }

  /** Gives a line another quantity. @throws AppError not_found when it is not in the cart. */
  async set(owner: CartOwner, { sku, quantity }: CartLine): Promise<CartView> {
    const reply = await setInCart(
      this.#redis,
      { cart: keyOf(owner) },
      { ttlMs: this.#ttlMs, sku, quantity },
    )
    if (reply.tag === 'cart') return this.#view(owner, reply)
    throw new AppError('not_found', `${sku} is not in the cart.`, { members: { sku } })
  }

  /** Takes a line out, if it is there. */
  async remove(owner: CartOwner, sku: string): Promise<CartView> {
    return this.#view(owner, await this.#remove(owner, [sku]))
  }

  async clear(owner: CartOwner): Promise<CartView> {
    return this.#view(owner, await this.#remove(owner, []))
  }

  /**
   * What a checkout under this key buys: the lines of the cart at the key's first use; null when there are
   * none. {@link letGo} ends it when the checkout is refused, {@link take} when it is accepted.
   */
  freeze(buyerId: string, key: string): Promise<readonly CartLine[] | null> {
    return freezeLines(this.#redis, frozenKeys(buyerId, key), { keptMs })
  }

  /** The key bought nothing, and may come again with other lines. */
  async letGo(buyerId: string, key: string): Promise<void> {
    await letLinesGo(this.#redis, frozenKeys(buyerId, key), {})
  }

  /** Takes what was bought out of the cart; once for each key, however often it is called. */
  async take(buyerId: string, key: string, lines: readonly CartLine[]): Promise<void> {
    await takeLines(this.#redis, frozenKeys(buyerId, key), { keptMs }, asArguments(lines))
  }

  /**
   * Adds a guest's cart to an account's and empties it. The two may lie on different servers: a parcel is
   * taken from the one and put into the other, each once, and a crash between is mended by the next call.
   */
  async merge(guestId: string, accountId: string): Promise<void> {
    const cart = keyOf({ kind: 'guest', id: guestId })
    const account = keyOf({ kind: 'account', id: accountId })
    const parcel = `${cart}:for:${accountId}`
    const ttlMs = this.#ttlMs
    for (let i = 0; i < parcelsMax; i++) {
      const found = await handOver(
        this.#redis,
        { cart, parcel },
        { id: newId(), keptMs: this.#ttlMs },
      )
      if (!found) return
      await takeIn(
        this.#redis,
        { cart: account, merged: `${account}:merged:${found.id}` },
        { ttlMs, linesMax: limits.checkoutLines, unitsMax: limits.lineUnits },
        asArguments(found.lines),
      )
      await putAway(this.#redis, { parcel }, { id: found.id })
    }
  }

  #remove(owner: CartOwner, skus: readonly string[]): Promise<CartContent> {
    return removeFromCart(this.#redis, { cart: keyOf(owner) }, { ttlMs: this.#ttlMs }, skus)
  }

  /** With prices of now. What is not sold any more leaves the cart. */
  async #view(owner: CartOwner, content: CartContent): Promise<CartView> {
    const priced =
      content.lines.length === 0 ? [] : await this.#priced(content.lines.map(({ sku }) => sku))
    const { view, gone } = viewOf(content, priced)
    if (gone.length > 0) await this.#remove(owner, gone)
    return view
  }
}

/** Deletes an account's cart. What was frozen under a key ends by itself within two days. */
export async function forgetCart(redis: RedisClient, accountId: string): Promise<void> {
  await redis.del(keyOf({ kind: 'account', id: accountId }))
}

function frozenKeys(buyerId: string, key: string) {
  const cart = keyOf({ kind: 'account', id: buyerId })
  return { cart, frozen: `${cart}:bought:${key}` }
}
