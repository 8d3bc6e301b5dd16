/** Everybody puts a unit into a cart that has two other lines, and gets the whole cart back, priced. */
import { z } from 'zod'
import { fillCarts } from '../ground/carts.ts'
import type { Scenario } from '../ground/context.ts'
import { fromLoad } from '../ground/results.ts'
import { prepareSku } from './buying.ts'

const path = '/api/cart/items'
const units = 1_000
const cart = z.object({ items: z.array(z.object({ sku: z.string() })), total: z.number() })

export const cartUpdates: Scenario = async (context) => {
  const { options, access, buyers } = context
  if (!access) throw new Error('cart: needs stores that are known')
  const [first, second, added] = [
    await prepareSku(context, 'CART-A', units),
    await prepareSku(context, 'CART-B', units),
    await prepareSku(context, 'CART-C', units),
  ]
  await fillCarts(access.redis, buyers.ids, [first, second])
  const body = JSON.stringify({ sku: added, quantity: 1 })
  const answer = await fetch(`${context.url}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${buyers.tokens()[0]}`,
      'content-type': 'application/json',
    },
    body,
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(10_000)]),
  })
  const { items, total } = cart.parse(await answer.json())
  if (items.length !== 3 || total !== 7_500) {
    throw new Error(`cart: ${items.length} lines for ${total} instead of 3 for 7500`)
  }
  const load = await context.load('cart', {
    path,
    tokens: buyers.tokens(),
    body,
    headers: {},
    connections: options.connections,
    durationMs: options.durationSeconds * 1_000,
  })
  return fromLoad(load, options.connections)
}
