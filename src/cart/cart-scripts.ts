/** The cart's Lua commands, typed. What each does stands in its file under lua/cart. */
import { defineScript } from '../platform/redis/script.ts'

export interface CartLine {
  readonly sku: string
  readonly quantity: number
}

/** What is in a cart, and until when. */
export interface CartContent {
  readonly tag: 'cart'
  readonly expiresAtMs: number
  readonly lines: readonly CartLine[]
}

const content = (expiresAtMs = '', ...fields: string[]): CartContent => ({
  tag: 'cart',
  expiresAtMs: Number(expiresAtMs),
  lines: linesOf(fields),
})

function linesOf(fields: readonly string[]): CartLine[] {
  const lines: CartLine[] = []
  for (let i = 0; i < fields.length; i += 2) {
    lines.push({ sku: fields[i] as string, quantity: Number(fields[i + 1]) })
  }
  return lines
}

export const readCart = defineScript({
  file: 'cart/read',
  keys: ['cart'],
  args: ['ttlMs'],
  reply: { cart: content },
})

export type AddReply =
  | CartContent
  | { readonly tag: 'too_many'; readonly has: number }
  | { readonly tag: 'full' }

export const addToCart = defineScript({
  file: 'cart/add',
  keys: ['cart'],
  args: ['ttlMs', 'linesMax', 'unitsMax', 'sku', 'quantity'],
  reply: {
    cart: (...items): AddReply => content(...items),
    too_many: (has): AddReply => ({ tag: 'too_many', has: Number(has) }),
    full: (): AddReply => ({ tag: 'full' }),
  },
})

export type SetReply = CartContent | { readonly tag: 'absent' }

export const setInCart = defineScript({
  file: 'cart/set',
  keys: ['cart'],
  args: ['ttlMs', 'sku', 'quantity'],
  reply: {
    cart: (...items): SetReply => content(...items),
    absent: (): SetReply => ({ tag: 'absent' }),
  },
})

export const removeFromCart = defineScript({
  file: 'cart/remove',
  keys: ['cart'],
  args: ['ttlMs'],
  reply: { cart: content },
})

/** What a checkout buys; null when the cart is empty. */
export const freezeLines = defineScript({
  file: 'cart/freeze',
  keys: ['cart', 'frozen'],
  args: ['keptMs'],
  reply: {
    lines: (...fields): CartLine[] | null => linesOf(fields),
    empty: (): CartLine[] | null => null,
  },
})

export const letLinesGo = defineScript({
  file: 'cart/let-go',
  keys: ['frozen'],
  args: [],
  reply: { gone: () => true, taken: () => false },
})

export const takeLines = defineScript({
  file: 'cart/take',
  keys: ['cart', 'frozen'],
  args: ['keptMs'],
  reply: { taken: () => true, already: () => false },
})

export interface Parcel {
  readonly id: string
  readonly lines: readonly CartLine[]
}

export const handOver = defineScript({
  file: 'cart/hand-over',
  keys: ['cart', 'parcel'],
  args: ['id', 'keptMs'],
  reply: {
    parcel: (...fields): Parcel | null => {
      const at = fields.findIndex((field, i) => i % 2 === 0 && field === ':id')
      return { id: fields[at + 1] as string, lines: linesOf(fields.toSpliced(at, 2)) }
    },
    empty: (): Parcel | null => null,
  },
})

export const takeIn = defineScript({
  file: 'cart/take-in',
  keys: ['cart', 'merged'],
  args: ['ttlMs', 'linesMax', 'unitsMax'],
  reply: { merged: () => true, already: () => false },
})

export const putAway = defineScript({
  file: 'cart/put-away',
  keys: ['parcel'],
  args: ['id'],
  reply: { gone: () => true, other: () => false },
})

/** Lines as further arguments of a script. */
export const asArguments = (lines: readonly CartLine[]): (string | number)[] =>
  lines.flatMap(({ sku, quantity }) => [sku, quantity])
