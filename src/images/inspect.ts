/** From the bytes of an upload to the sizes that are shown, or to the reason why there are none. */
import sharp from 'sharp'
import {
  type ImageType,
  type ImageWidth,
  imageLimits,
  imageTypes,
  imageWidths,
} from './image-limits.ts'

export type RefusalReason =
  | 'not_an_image'
  | 'wrong_type'
  | 'wrong_length'
  | 'too_many_pixels'
  | 'damaged'
  | 'too_slow'
  | 'not_processable'

export type Inspected =
  | {
      readonly tag: 'good'
      readonly width: number
      readonly height: number
      readonly sizes: readonly { readonly width: ImageWidth; readonly webp: Buffer }[]
    }
  | { readonly tag: 'refused'; readonly reason: RefusalReason }

// One thread and no memory of its own: the process has holds to commit.
sharp.concurrency(1)
sharp.cache(false)

/**
 * Checks what the bytes are, whatever they were announced as, and makes the sizes. Metadata (where a
 * picture was taken, by whom) is not carried over; the orientation is applied first. Never throws for
 * what is wrong with the file.
 */
export async function inspect(
  bytes: Buffer,
  announced: { readonly contentType: ImageType; readonly bytes: number },
): Promise<Inspected> {
  if (bytes.length !== announced.bytes) return refused('wrong_length')
  try {
    const { format, width, height } = await open(bytes).metadata()
    if (format !== imageTypes[announced.contentType]) {
      return refused(isKnown(format) ? 'wrong_type' : 'not_an_image')
    }
    if (width * height > imageLimits.pixels) return refused('too_many_pixels')
    const sizes = []
    let shown = { width, height }
    for (const target of imageWidths) {
      const { data, info } = await open(bytes)
        .autoOrient()
        .resize({ width: target, withoutEnlargement: true })
        .webp({ quality: 80 })
        .timeout({ seconds: imageLimits.processSeconds })
        .toBuffer({ resolveWithObject: true })
      sizes.push({ width: target, webp: data })
      shown = { width: info.width, height: info.height }
    }
    return { tag: 'good', ...shown, sizes }
  } catch (error) {
    return refused(reasonOf(error))
  }
}

function open(bytes: Buffer) {
  // A file that was cut off in its middle can be decoded, half of it grey: that counts as an error here.
  return sharp(bytes, { limitInputPixels: imageLimits.pixels, failOn: 'truncated' })
}

function reasonOf(error: unknown): RefusalReason {
  const message = error instanceof Error ? error.message : ''
  if (/exceeds pixel limit/i.test(message)) return 'too_many_pixels'
  if (/timeout/i.test(message)) return 'too_slow'
  if (/unsupported image format/i.test(message)) return 'not_an_image'
  return 'damaged'
}

function isKnown(format: string | undefined): boolean {
  return (Object.values(imageTypes) as (string | undefined)[]).includes(format)
}

function refused(reason: RefusalReason): Inspected {
  return { tag: 'refused', reason }
}
