/** The page of a product: what is kept of it, with what its variants cost and have right now. */
import type { Product } from '../../catalogue/product.ts'
import type { ProductCache } from '../../catalogue/product-cache.ts'
import type { Clock } from '../../kernel/clock.ts'
import { RecentMap } from '../../kernel/recent-map.ts'
import type { Availability, AvailabilityReader } from './availability.ts'

/** The body of GET /api/products/:id: a product that is on show, with present prices and units. */
export interface ProductPage extends Omit<Product, 'variants'> {
  readonly variants: readonly {
    readonly sku: string
    readonly options: Readonly<Record<string, string>>
    /** Minor units: of its sale while there is one. */
    readonly price: number
    readonly currency: string
    /** Units that the gate would grant now, or those free in the ledger when it cannot tell. */
    readonly available: number
  }[]
}

/** A {@link ProductPage} as the route sends it, written once for all who ask. */
export interface WrittenPage {
  /** Of the product; the route makes its ETag of it. */
  readonly version: number
  /** The page as JSON. */
  readonly text: string
}

/** Counted from before the gates are asked: no page is more than a second old. */
const freshMs = 900
const pagesMax = 4_000

interface Kept {
  readonly product: Product
  readonly until: number
  readonly page: WrittenPage
}

/**
 * Pages for GET /api/products/:id, none more than a second old; one for each API process. Rejects
 * with AppError overloaded when too many ask, and with PostgreSQL's error when it is away.
 */
export class ProductPages {
  readonly #deps: {
    readonly cache: ProductCache
    readonly availability: AvailabilityReader
    readonly clock: Clock
  }
  readonly #kept = new RecentMap<Kept>(pagesMax)
  readonly #making = new Map<
    string,
    { readonly edits: number; readonly page: Promise<WrittenPage | null> }
  >()

  constructor(deps: { cache: ProductCache; availability: AvailabilityReader; clock: Clock }) {
    this.#deps = deps
  }

  /**
   * By id or slug, as text. At once where it is kept; null when there is no such product on show.
   */
  read(idOrSlug: string): WrittenPage | Promise<WrittenPage | null> {
    const { cache, clock } = this.#deps
    const kept = this.#kept.get(idOrSlug)
    // A page lives no longer than the product that it was made of.
    if (kept && kept.until > clock.monotonic() && kept.product === cache.peek(idOrSlug)) {
      return kept.page
    }
    const { edits } = cache
    const making = this.#making.get(idOrSlug)
    // One that was begun before an edit may not know of it.
    if (making?.edits === edits) return making.page
    const begun = { edits, page: this.#make(idOrSlug) }
    this.#making.set(idOrSlug, begun)
    const end = () => {
      if (this.#making.get(idOrSlug) === begun) this.#making.delete(idOrSlug)
    }
    begun.page.then(end, end)
    return begun.page
  }

  async #make(idOrSlug: string): Promise<WrittenPage | null> {
    const { cache, availability, clock } = this.#deps
    const product = await cache.get(idOrSlug)
    if (!product) return null
    const until = clock.monotonic() + freshMs
    const present = await availability.readMany(
      product.variants.map(({ sku }) => sku),
      { fresh: true },
    )
    const page = { version: product.version, text: JSON.stringify(pageOf(product, present)) }
    this.#kept.set(idOrSlug, { product, until, page })
    return page
  }
}

/** A variant of which nothing is known any more is left out: it was archived a moment ago. */
function pageOf(product: Product, present: readonly Availability[]): ProductPage {
  const bySku = new Map(present.map((each) => [each.sku, each]))
  return {
    ...product,
    variants: product.variants.flatMap(({ sku, options, price, currency }) => {
      const now = bySku.get(sku)
      if (!now) return []
      // An edit of the price is heard at once, the reader's may be half a second old.
      return [
        { sku, options, price: now.sale ? now.price : price, currency, available: now.available },
      ]
    }),
  }
}
