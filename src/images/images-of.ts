import type { DatabasePool } from 'slonik'
import { imageWidths } from './image-limits.ts'
import { type ImageRow, readyImages } from './image-repository.ts'

/** A picture as pages show it. */
export interface ShownImage {
  readonly id: string
  /** Of the middle size. */
  readonly url: string
  /** Of the largest size, in pixels. */
  readonly width: number
  readonly height: number
  readonly sizes: readonly { readonly width: number; readonly url: string }[]
}

/** The pictures of products that may be shown, each product's in the order in which they were added. */
export function imagesOf(
  pool: DatabasePool,
  baseUrl: string,
): (productIds: readonly string[]) => Promise<ReadonlyMap<string, readonly ShownImage[]>> {
  return async (productIds) => {
    if (productIds.length === 0) return new Map()
    const rows = await readyImages(pool, productIds)
    const byProduct = Map.groupBy(rows, ({ productId }) => productId)
    return new Map([...byProduct].map(([id, images]) => [id, images.map(shown(baseUrl))]))
  }
}

/** URLs of a picture's sizes, the smallest first. */
export function sizesOf(baseUrl: string, fileId: string): { width: number; url: string }[] {
  return imageWidths.map((width) => ({ width, url: `${baseUrl}/images/${fileId}/${width}.webp` }))
}

function shown(baseUrl: string) {
  return ({ id, fileId, width, height }: ImageRow): ShownImage => {
    const sizes = sizesOf(baseUrl, fileId)
    return { id, url: sizes[1]?.url ?? '', width: width ?? 0, height: height ?? 0, sizes }
  }
}
