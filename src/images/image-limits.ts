/** What pictures may be, and what becomes of them. */
export const imageLimits = {
  /** Of an upload. */
  bytes: 10 * 1024 * 1024,
  /** Width times height: a file of a few kilobytes can claim to be any size. */
  pixels: 40_000_000,
  /** Of one product, refused ones left out. */
  perProduct: 20,
  /** For which an upload URL works. */
  uploadSeconds: 900,
  /** After which an announcement that nothing came of is forgotten. */
  pendingHours: 1,
  refusedDays: 30,
  /** For checking and sizing one picture. */
  processSeconds: 20,
  /** Tries to process one, crashes included; then it is refused. */
  attempts: 6,
} as const

/** Widths that are made of each picture; a smaller one is not blown up. */
export const imageWidths = [320, 800, 1600] as const

export type ImageWidth = (typeof imageWidths)[number]

/** What may be uploaded, by the name the library gives what it finds in the bytes. */
export const imageTypes = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
} as const

export type ImageType = keyof typeof imageTypes

export const imageTypeNames = Object.keys(imageTypes) as [ImageType, ...ImageType[]]

export function isImageType(value: string): value is ImageType {
  return Object.hasOwn(imageTypes, value)
}
