import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { type DiskStore, diskStore } from './disk-store.ts'
import type { ImageStore } from './store.ts'
import { type UploadSignatures, uploadSignatures } from './upload-signature.ts'

/** The settings that say where pictures are kept. */
export interface ImageSettings {
  readonly S3_ENDPOINT?: string | undefined
  readonly S3_BUCKET?: string | undefined
  readonly S3_REGION: string
  readonly S3_ACCESS_KEY_ID?: string | undefined
  readonly S3_SECRET_ACCESS_KEY?: string | undefined
  readonly DATA_DIR: string
  readonly JWT_SECRET: string
}

export type OpenedStore =
  | { readonly kind: 's3'; readonly store: ImageStore }
  | { readonly kind: 'disk'; readonly store: DiskStore; readonly signatures: UploadSignatures }

/** The bucket, when one is set; else a folder in DATA_DIR. Opens no connection yet. */
export async function openImageStore(settings: ImageSettings, clock: Clock): Promise<OpenedStore> {
  const { S3_BUCKET: bucket, S3_ENDPOINT: endpoint, S3_REGION: region } = settings
  if (bucket !== undefined) {
    // Only loaded where it is used: it takes 40 MB.
    const { s3Store } = await import('./s3-store.ts')
    const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = settings
    const credentials =
      accessKeyId !== undefined && secretAccessKey !== undefined
        ? { accessKeyId, secretAccessKey }
        : undefined
    return { kind: 's3', store: s3Store({ endpoint, bucket, region, credentials }, clock) }
  }
  const signatures = uploadSignatures(settings.JWT_SECRET)
  const folder = join(settings.DATA_DIR, 'images')
  return { kind: 'disk', store: diskStore({ folder, signatures, clock }), signatures }
}
