/** Uploaded pictures: checked, sized, shown or refused. Each step can run twice. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import type { Logger } from '../platform/telemetry/logger.ts'
import { imageLimits } from './image-limits.ts'
import {
  claimPending,
  deleteStale,
  findImage,
  type ImageRow,
  markReady,
  markRefused,
  markUploaded,
} from './image-repository.ts'
import type { ImageStore } from './store.ts'

export interface ImageWork {
  readonly pool: DatabasePool
  readonly store: ImageStore
  readonly log: Logger
  /** Runs in the transaction that makes a picture part of its product. */
  readonly onReady: (tx: DatabaseTransactionConnection, image: ImageRow) => Promise<void>
}

const perPass = 50

export { claimDueImages, firstDueImage } from './image-repository.ts'

/** Processes one after the other: each takes a core and up to 200 MB. */
export async function processImages(work: ImageWork, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    try {
      await processImage(work, id)
    } catch (error) {
      // It is due again by itself.
      work.log.warn(
        { err: error, image: id },
        'a picture could not be processed; it is due again later',
      )
    }
  }
}

async function processImage({ pool, store, onReady }: ImageWork, id: string): Promise<void> {
  const image = await findImage(pool, id)
  if (image?.status !== 'processing') return
  // Tries are counted when they begin: a file that takes the process down is not tried for ever.
  if (image.attempts > imageLimits.attempts) {
    await markRefused(pool, id, 'not_processable')
    return store.deleteOriginal(id)
  }
  const stored = await store.originalBytes(id)
  const original =
    stored === null || stored > imageLimits.bytes
      ? Buffer.alloc(0)
      : ((await store.readOriginal(id, imageLimits.bytes)) ?? Buffer.alloc(0))
  // Loaded by the first picture: the library takes 26 MB, and an API process never needs it.
  const { inspect } = await import('./inspect.ts')
  const inspected = await inspect(original, image)
  if (inspected.tag === 'refused') {
    await markRefused(pool, id, inspected.reason)
  } else {
    for (const { width, webp } of inspected.sizes) await store.writeSize(id, width, webp)
    const { width, height } = inspected
    await pool.transaction(async (tx) => {
      if (await markReady(tx, { id, width, height })) await onReady(tx, image)
    })
  }
  // What was uploaded may say where it was taken; nobody needs it any more.
  await store.deleteOriginal(id)
}

/** Finds uploads that nobody has told of. */
export async function noticeUploads({
  pool,
  store,
}: Pick<ImageWork, 'pool' | 'store'>): Promise<void> {
  for (const id of await claimPending(pool, perPass)) {
    if ((await store.originalBytes(id)) !== null) await markUploaded(pool, id)
  }
}

/** Forgets announcements that nothing came of, and old refusals. */
export async function forgetStaleImages({
  pool,
  store,
}: Pick<ImageWork, 'pool' | 'store'>): Promise<void> {
  for (const id of await deleteStale(pool, perPass)) {
    await store.deleteOriginal(id)
    await store.deleteSizes(id)
  }
}
