/** A checkout of all that is in the buyer's cart; only success empties it, and once. */
import type { Carts } from '../../cart/carts.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Checkouts, Placed, PlaceRequest } from './checkouts.ts'
import type { CheckoutStatus, Refusal } from './strategy.ts'

/** A {@link PlaceRequest} whose lines are what is in the cart. */
export type FromCartRequest = Omit<PlaceRequest, 'lines' | 'fingerprint'>
/** What POST /api/checkouts calls for `fromCart`. Refuses as {@link Checkouts.place}. */
export type PlaceFromCart = (request: FromCartRequest) => Promise<Placed | Refusal>

/** The body is the same for every cart, so the key stands for the cart, not for what was in it. */
const fingerprint = 'cart'
/** What the buyer got: later ends are no reason to buy the same lines again. */
const bought: ReadonlySet<CheckoutStatus> = new Set(['queued', 'reserved', 'paying', 'confirmed'])

/**
 * Builds it for the API. It places the lines that were in the cart when the key was first used: a
 * retry buys the same ones, also when the cart has been emptied or filled anew meanwhile. The
 * function refuses as {@link Checkouts.place}; rejects with AppError validation_failed for an empty
 * cart, and when a store is away.
 */
export function createPlaceFromCart(deps: {
  readonly carts: Carts
  readonly checkouts: Checkouts
  /** Told when a cart was bought and could not be emptied; a retry with the key empties it. */
  readonly onNotEmptied?: (error: unknown) => void
}): PlaceFromCart {
  const { carts, checkouts, onNotEmptied = () => {} } = deps
  return async (request) => {
    const { buyerId, key } = request
    const lines = await carts.freeze(buyerId, key)
    if (!lines) return (await checkouts.replay(buyerId, key, fingerprint)) ?? refuseEmpty()
    const placed = await checkouts.place({ ...request, lines, fingerprint })
    if (placed.tag === 'refused') {
      // After an uncertain answer the units may be held: then the key still stands for these lines.
      if (placed.code !== 'overloaded') await carts.letGo(buyerId, key)
      return aboutTheCart(placed)
    }
    if (bought.has(placed.checkout.status)) {
      await carts.take(buyerId, key, lines).catch(onNotEmptied)
    }
    return placed
  }
}

/** What is wrong with the items is wrong with the cart: the body names no items. */
function aboutTheCart(refusal: Refusal): Refusal {
  const { errors } = refusal.extras ?? {}
  if (!errors) return refusal
  const named = errors.map(({ message }) => ({ path: 'fromCart', message }))
  return { ...refusal, extras: { ...refusal.extras, errors: named } }
}

function refuseEmpty(): never {
  throw new AppError('validation_failed', 'The cart is empty.', {
    errors: [{ path: 'fromCart', message: 'The cart has no items' }],
  })
}
