import type { Readable } from 'node:stream'
import type { ImageType, ImageWidth } from './image-limits.ts'

/** What is uploaded: exactly this many bytes of this type. */
export interface Upload {
  readonly id: string
  readonly contentType: ImageType
  readonly bytes: number
}

/** How a client uploads without passing through the API's own routes. */
export interface SignedUpload {
  /** Absolute, or a path of this server. */
  readonly url: string
  readonly method: 'PUT'
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: Date
}

/** One size of a picture: to be sent, or to be fetched elsewhere. */
export type Shown =
  | { readonly kind: 'file'; readonly bytes: number; readonly open: () => Readable }
  | { readonly kind: 'elsewhere'; readonly url: string }

/** Where files are kept. Originals are never shown; sizes never change once they are written. */
export interface ImageStore {
  signUpload(upload: Upload): Promise<SignedUpload>
  /** Bytes of an original; null when there is none. */
  originalBytes(id: string): Promise<number | null>
  /** An original of at most `max` bytes; null when there is none. Throws for a longer one. */
  readOriginal(id: string, max: number): Promise<Buffer | null>
  deleteOriginal(id: string): Promise<void>
  writeSize(id: string, width: ImageWidth, webp: Buffer): Promise<void>
  show(id: string, width: ImageWidth): Promise<Shown | null>
  deleteSizes(id: string): Promise<void>
}
