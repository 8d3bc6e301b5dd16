import type { CartContent } from './cart-scripts.ts'

/** What a SKU costs and how many the gate would grant now. */
export interface PricedSku {
  readonly sku: string
  readonly title: string
  /** Minor units. */
  readonly price: number
  readonly currency: string
  readonly available: number
}

/** A cart as its owner sees it. */
export interface CartView {
  readonly items: {
    readonly sku: string
    readonly title: string
    readonly quantity: number
    /** Minor units for one. */
    readonly price: number
    readonly available: number
  }[]
  /** Minor units; null when the lines have several currencies: they cannot be bought together. */
  readonly total: number | null
  readonly currency: string | null
  /** When the cart is forgotten unless somebody looks at it; null for an empty one. */
  readonly expiresAt: string | null
}

/** Puts lines and prices together. Lines of SKUs that are not sold any more are named in `gone`. */
export function viewOf(
  { lines, expiresAtMs }: CartContent,
  priced: readonly PricedSku[],
): { readonly view: CartView; readonly gone: readonly string[] } {
  const bySku = new Map(priced.map((each) => [each.sku, each]))
  const items: CartView['items'] = []
  const gone: string[] = []
  let total = 0
  let currency: string | null = null
  let mixed = false
  for (const { sku, quantity } of lines) {
    const found = bySku.get(sku)
    if (!found) {
      gone.push(sku)
      continue
    }
    const { title, price, available } = found
    items.push({ sku, title, quantity, price, available })
    total += price * quantity
    mixed ||= currency !== null && currency !== found.currency
    currency = found.currency
  }
  const expiresAt = items.length === 0 ? null : new Date(expiresAtMs).toISOString()
  const sum = mixed ? { total: null, currency: null } : { total, currency }
  return { view: { items, ...sum, expiresAt }, gone }
}
