/** What a product is, wherever it is shown. */

export interface Seller {
  readonly id: string
  readonly name: string
}

export type Options = Readonly<Record<string, string>>

export interface Variant {
  readonly sku: string
  readonly options: Options
  /** Minor units; the price outside of any sale. */
  readonly price: number
  readonly currency: string
}

/** A picture of a product, as far as pages show it. */
export interface ProductImage {
  readonly id: string
  readonly url: string
}

export interface Product {
  readonly id: string
  readonly slug: string
  readonly title: string
  readonly description: string
  readonly category: string
  /** Rises with every change; the product's ETag. */
  readonly version: number
  readonly createdAt: string
  readonly seller: Seller
  readonly images: readonly ProductImage[]
  readonly variants: readonly Variant[]
}

/** A product in a list. */
export interface ProductCard {
  readonly id: string
  readonly slug: string
  readonly title: string
  readonly category: string
  /** Minor units: the lowest price of the variants that are meant. */
  readonly priceFrom: number
  readonly currency: string
  readonly image: string | null
  readonly inStock: boolean
  readonly seller: Seller
}

/** Where pictures come from. A product without one may be missing from the answer. */
export type ImagesOf = (
  productIds: readonly string[],
) => Promise<ReadonlyMap<string, readonly ProductImage[]>>

/** For a shop without pictures. */
export const noImages: ImagesOf = async () => new Map()
