/** Pictures in a bucket of S3, or of anything that speaks like it. Clients upload and fetch there. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { Clock } from '../kernel/clock.ts'
import { type ImageWidth, imageLimits, imageWidths } from './image-limits.ts'
import type { ImageStore } from './store.ts'

export interface S3Settings {
  readonly endpoint: string | undefined
  readonly bucket: string
  readonly region: string
  /** Without one, the SDK looks for credentials where it always does. */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string }
    | undefined
}

const limits = { attempts: 3, connectMs: 2_000, requestMs: 15_000, showSeconds: 3_600 } as const
const immutable = 'public, max-age=31536000, immutable'

export function s3Store(settings: S3Settings, clock: Clock): ImageStore {
  const { bucket } = settings
  const client = clientOf(settings)
  const original = (id: string) => ({ Bucket: bucket, Key: `originals/${id}` })
  const sized = (id: string, width: ImageWidth) => ({
    Bucket: bucket,
    Key: `images/${id}/${width}.webp`,
  })
  return {
    signUpload: async ({ id, contentType, bytes }) => {
      const expiresAt = new Date(clock.now() + imageLimits.uploadSeconds * 1000)
      const command = new PutObjectCommand({
        ...original(id),
        ContentType: contentType,
        ContentLength: bytes,
      })
      const url = await getSignedUrl(client, command, {
        expiresIn: imageLimits.uploadSeconds,
        // Signed, so that nothing of another type or length is taken.
        signableHeaders: new Set(['host', 'content-type', 'content-length']),
      })
      const headers = { 'content-type': contentType, 'content-length': String(bytes) }
      return { url, method: 'PUT', headers, expiresAt }
    },
    originalBytes: async (id) => {
      const found = await unlessMissing(client.send(new HeadObjectCommand(original(id))))
      return found === null ? null : (found.ContentLength ?? 0)
    },
    readOriginal: async (id, max) => {
      const found = await unlessMissing(client.send(new GetObjectCommand(original(id))))
      if (!found?.Body) return null
      if ((found.ContentLength ?? 0) > max) {
        await found.Body.transformToWebStream().cancel()
        throw new RangeError(`an original of ${found.ContentLength} bytes`)
      }
      return Buffer.from(await found.Body.transformToByteArray())
    },
    deleteOriginal: async (id) => {
      await client.send(new DeleteObjectCommand(original(id)))
    },
    writeSize: async (id, width, webp) => {
      const command = new PutObjectCommand({
        ...sized(id, width),
        Body: webp,
        ContentType: 'image/webp',
        CacheControl: immutable,
      })
      await client.send(command)
    },
    show: async (id, width) => {
      const command = new GetObjectCommand(sized(id, width))
      const url = await getSignedUrl(client, command, { expiresIn: limits.showSeconds })
      return { kind: 'elsewhere', url }
    },
    deleteSizes: async (id) => {
      for (const width of imageWidths) await client.send(new DeleteObjectCommand(sized(id, width)))
    },
  }
}

function clientOf({ endpoint, region, credentials }: S3Settings): S3Client {
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: limits.attempts,
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
    },
    // By default the checksum of an empty body would be signed into the upload's URL.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found
  } catch (error) {
    if (error instanceof NotFound || error instanceof NoSuchKey) return null
    throw error
  }
}
