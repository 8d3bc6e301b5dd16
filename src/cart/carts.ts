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

const bounds = { linesMax: limits.checkoutLines, unitsMax: limits.lineUnits } as const

/** All keys of a cart share its slot. */
const keyOf = ({ kind, id }: CartOwner): string => `{cart:${kind}:${id}}`

export type Carts = ReturnType<typeof createCarts>

export function createCarts({ redis, priced, ttlMs = defaultTtlMs }: CartsDeps) {
  const removeLines = (owner: CartOwner, skus: readonly string[]): Promise<CartContent> =>
    removeFromCart(redis, { cart: keyOf(owner) }, { ttlMs }, skus)

  /** With prices of now. What is not sold any more leaves the cart. */
  const shown = async (owner: CartOwner, content: CartContent): Promise<CartView> => {
    const { lines } = content
    const sold = lines.length === 0 ? [] : await priced(lines.map(({ sku }) => sku))
    const { view, gone } = viewOf(content, sold)
    if (gone.length > 0) await removeLines(owner, gone)
    return view
  }

  return {
    async read(owner: CartOwner): Promise<CartView> {
      return shown(owner, await readCart(redis, { cart: keyOf(owner) }, { ttlMs }))
    },

    /** Adds units to a line. @throws AppError not_found, or validation_failed when the cart cannot hold them. */
    async add(owner: CartOwner, line: CartLine): Promise<CartView> {
      const { sku } = line
      if ((await priced([sku])).length === 0) {
        throw new AppError('not_found', `There is no SKU ${sku}.`, { members: { sku } })
      }
      const reply = await addToCart(redis, { cart: keyOf(owner) }, { ttlMs, ...bounds, ...line })
      if (reply.tag !== 'cart') throw tooMuch(reply)
      return shown(owner, reply)
    },

    /** Gives a line another quantity. @throws AppError not_found when it is not in the cart. */
    async set(owner: CartOwner, { sku, quantity }: CartLine): Promise<CartView> {
      const reply = await setInCart(redis, { cart: keyOf(owner) }, { ttlMs, sku, quantity })
      if (reply.tag === 'cart') return shown(owner, reply)
      throw new AppError('not_found', `${sku} is not in the cart.`, { members: { sku } })
    },

    /** Takes a line out, if it is there. */
    async remove(owner: CartOwner, sku: string): Promise<CartView> {
      return shown(owner, await removeLines(owner, [sku]))
    },

    async clear(owner: CartOwner): Promise<CartView> {
      return shown(owner, await removeLines(owner, []))
    },

    /**
     * What a checkout under this key buys: the lines of the cart at the key's first use; null when there are
     * none. `letGo` ends it when the checkout is refused, `take` when it is accepted.
     */
    freeze(buyerId: string, key: string): Promise<readonly CartLine[] | null> {
      return freezeLines(redis, frozenKeys(buyerId, key), { keptMs })
    },

    /** The key bought nothing, and may come again with other lines. */
    async letGo(buyerId: string, key: string): Promise<void> {
      await letLinesGo(redis, frozenKeys(buyerId, key), {})
    },

    /** Takes what was bought out of the cart; once for each key, however often it is called. */
    async take(buyerId: string, key: string, lines: readonly CartLine[]): Promise<void> {
      await takeLines(redis, frozenKeys(buyerId, key), { keptMs }, asArguments(lines))
    },

    /** Adds a guest's cart to an account's and empties it. */
    merge: (guestId: string, accountId: string) => merge(redis, ttlMs, guestId, accountId),
  }
}

/**
 * The two may lie on different servers: a parcel is taken from the one and put into the other, each once, and a crash
 * between is mended by the next call.
 */
async function merge(
  redis: RedisClient,
  ttlMs: number,
  guestId: string,
  accountId: string,
): Promise<void> {
  const cart = keyOf({ kind: 'guest', id: guestId })
  const account = keyOf({ kind: 'account', id: accountId })
  const parcel = `${cart}:for:${accountId}`
  for (let i = 0; i < parcelsMax; i++) {
    const found = await handOver(redis, { cart, parcel }, { id: newId(), keptMs: ttlMs })
    if (!found) return
    const merged = `${account}:merged:${found.id}`
    await takeIn(redis, { cart: account, merged }, { ttlMs, ...bounds }, asArguments(found.lines))
    await putAway(redis, { parcel }, { id: found.id })
  }
}

/** Why units were not added. */
function tooMuch(reply: Exclude<Awaited<ReturnType<typeof addToCart>>, { tag: 'cart' }>): AppError {
  const error =
    reply.tag === 'full'
      ? { path: 'sku', message: `A cart has ${limits.checkoutLines} lines at most` }
      : {
          path: 'quantity',
          message: `A line has ${limits.lineUnits} units at most; ${reply.has} are in it already`,
        }
  return new AppError('validation_failed', `${error.message}.`, { errors: [error] })
}

/** Deletes an account's cart. What was frozen under a key ends by itself within two days. */
export async function forgetCart(redis: RedisClient, accountId: string): Promise<void> {
  await redis.del(keyOf({ kind: 'account', id: accountId }))
}

function frozenKeys(buyerId: string, key: string) {
  const cart = keyOf({ kind: 'account', id: buyerId })
  return { cart, frozen: `${cart}:bought:${key}` }
}
