/** Lists of products as the shop shows them: a page of cards, and what it could be narrowed by. */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../kernel/clock.ts'
import { Fresh } from '../kernel/fresh.ts'
import { cardsOf } from './cards.ts'
import { countFacets, type Facets } from './facets.ts'
import type { ImagesOf, ProductCard } from './product.ts'
import { readQuery } from './read-query.ts'
import { recommend } from './recommend.ts'
import { type Filters, findHits, type Hit, type Sort } from './search.ts'

export interface ListRequest extends Omit<Filters, 'words'> {
  /** What was typed; undefined or blank: everything. */
  readonly q?: string | undefined
  /** Default: relevance when something was typed, else newest. */
  readonly sort?: Sort | undefined
  readonly after: Hit | null
  /** 1 to 100. */
  readonly limit: number
  readonly facets: boolean
}

export interface ProductList {
  readonly items: readonly ProductCard[]
  /** Null when there is no further page. */
  readonly next: Hit | null
  readonly facets: Facets | null
}

/** Counts may be so old, and recommendations. */
const freshMs = 1_000
const rememberedMax = 2_000

export class ProductLists {
  readonly #deps: { readonly pool: DatabasePool; readonly imagesOf: ImagesOf }
  readonly #facets: Fresh<Facets>
  readonly #recommended: Fresh<readonly ProductCard[] | null>

  constructor(deps: { pool: DatabasePool; imagesOf: ImagesOf; clock: Clock }) {
    this.#deps = deps
    const fresh = { clock: deps.clock, ms: freshMs, max: rememberedMax }
    this.#facets = new Fresh(fresh)
    this.#recommended = new Fresh(fresh)
  }

  /** One page, in four queries at most. */
  async search(request: ListRequest): Promise<ProductList> {
    const { pool, imagesOf } = this.#deps
    const { q = '', category, minPrice, maxPrice, options, inStock } = request
    const typed = q.trim() !== ''
    const words = typed ? await readQuery(pool, q) : undefined
    const filters = { words, category, minPrice, maxPrice, options, inStock }
    const sort = sortOf(request.sort, typed)
    const [page, facets] = await Promise.all([
      this.#page(filters, sort, request),
      request.facets
        ? this.#facets.get(JSON.stringify(filters), () => countFacets(pool, filters))
        : null,
    ])
    const items = await cardsOf(pool, imagesOf, page.hits)
    return { items, next: page.next, facets }
  }

  async #page(
    filters: Filters,
    sort: Sort,
    { after, limit }: ListRequest,
  ): Promise<{ hits: readonly Hit[]; next: Hit | null }> {
    const found = await findHits(this.#deps.pool, filters, { sort, after, limit: limit + 1 })
    const hits = found.slice(0, limit)
    return { hits, next: found.length > limit ? (hits.at(-1) ?? null) : null }
  }

  /** What goes with a product; null when there is no such product on show. Three queries at most. */
  recommendations(idOrSlug: string, limit: number): Promise<readonly ProductCard[] | null> {
    const { pool, imagesOf } = this.#deps
    return this.#recommended.get(`${limit} ${idOrSlug}`, async () => {
      const hits = await recommend(pool, idOrSlug, limit)
      return hits && cardsOf(pool, imagesOf, hits)
    })
  }
}

/** Without words there is nothing to be relevant to. */
export function sortOf(asked: Sort | undefined, typed: boolean): Sort {
  const sort = asked ?? 'relevance'
  return sort === 'relevance' && !typed ? 'newest' : sort
}
