import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Upload } from './store.ts'

/** Signs upload URLs of this server: for one picture, one type, one length, until one second. */
export interface UploadSignatures {
  sign(upload: Upload, expiresSeconds: number): string
  /** False for another picture, type, length or time than was signed. Does not look at the clock. */
  matches(
    upload: { readonly id: string; readonly contentType: string; readonly bytes: number },
    expiresSeconds: number,
    signature: string,
  ): boolean
}

export function uploadSignatures(secret: string): UploadSignatures {
  // A key of its own, so that nothing that is signed elsewhere under the same secret can pass for one.
  const key = createHmac('sha256', secret).update('sluice image uploads').digest()
  const digest = (
    { id, contentType, bytes }: { id: string; contentType: string; bytes: number },
    expiresSeconds: number,
  ) =>
    createHmac('sha256', key)
      .update(JSON.stringify([id, contentType, bytes, expiresSeconds]))
      .digest()
  return {
    sign: (upload, expiresSeconds) => digest(upload, expiresSeconds).toString('base64url'),
    matches: (upload, expiresSeconds, signature) => {
      const given = Buffer.from(signature, 'base64url')
      const wanted = digest(upload, expiresSeconds)
      return given.length === wanted.length && timingSafeEqual(given, wanted)
    },
  }
}
