/** Pictures from their sellers' side: announce, tell of the upload, look, take away. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { appendAudit } from '../../audit/audit-log.ts'
import { lockOwnProduct } from '../../catalogue/own-product.ts'
import { touchProduct } from '../../catalogue/write-products.ts'
import type { ImageType } from '../../images/image-limits.ts'
import { imageLimits } from '../../images/image-limits.ts'
import {
  deleteImage,
  findImage,
  type ImageRow,
  imagesOfProduct,
  insertImage,
  markUploaded,
} from '../../images/image-repository.ts'
import type { ImageStore, SignedUpload } from '../../images/store.ts'
import { AppError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { productChangedTopic } from './manage-products.ts'

/**
 * Whose pictures are meant. A product of another seller is answered like one that does not exist:
 * not_found.
 */
export interface ImageTarget {
  /** Id or slug. */
  readonly product: string
  readonly sellerId: string
}

/** What the routes of pictures call. */
export type ManageImages = ReturnType<typeof manageImages>

/**
 * Builds what the routes of pictures call; sizes are in bytes. Every verb throws AppError not_found
 * when the product, or the picture, is not the seller's; errors of PostgreSQL and of the store of
 * files pass through.
 */
export function manageImages(deps: { readonly pool: DatabasePool; readonly store: ImageStore }) {
  const { pool, store } = deps

  const ownImage = async (
    tx: DatabaseTransactionConnection,
    { product, sellerId }: ImageTarget,
    id: string,
  ): Promise<ImageRow> => {
    const productId = await lockOwnProduct(tx, product, sellerId)
    const image = await findImage(tx, id)
    if (image?.productId !== productId) throw new AppError('not_found', 'There is no such image.')
    return image
  }

  return {
    /** Makes room for a picture of so many bytes. @throws AppError not_found, validation_failed when there are too many. */
    async announce(
      { product, sellerId }: ImageTarget,
      file: { readonly contentType: ImageType; readonly bytes: number },
    ): Promise<{ image: ImageRow; upload: SignedUpload }> {
      const id = newId()
      // Signed first: a store that cannot sign leaves no row behind.
      const upload = await store.signUpload({ id, ...file })
      const image = await pool.transaction(async (tx) => {
        const productId = await lockOwnProduct(tx, product, sellerId)
        if (!(await insertImage(tx, { id, productId, sellerId, ...file }))) {
          throw new AppError(
            'validation_failed',
            `A product has at most ${imageLimits.perProduct} images.`,
          )
        }
        return ownImage(tx, { product: productId, sellerId }, id)
      })
      return { image, upload }
    },

    /** Says that the upload is done, any number of times. @throws AppError not_found, invalid_transition without a file. */
    async complete(target: ImageTarget, id: string): Promise<ImageRow> {
      const image = await pool.transaction((tx) => ownImage(tx, target, id))
      if (image.status !== 'pending') return image
      if ((await store.originalBytes(id)) === null) {
        throw new AppError('invalid_transition', 'The file has not been uploaded yet.')
      }
      await markUploaded(pool, id)
      return { ...image, status: 'processing' }
    },

    /** All, refused ones too. @throws AppError not_found. */
    async list({ product, sellerId }: ImageTarget): Promise<readonly ImageRow[]> {
      return pool.transaction(async (tx) =>
        imagesOfProduct(tx, await lockOwnProduct(tx, product, sellerId)),
      )
    },

    /** Takes a picture away, and its files. @throws AppError not_found. */
    async remove(target: ImageTarget, id: string): Promise<void> {
      await pool.transaction(async (tx) => {
        const image = await ownImage(tx, target, id)
        await deleteImage(tx, image)
        if (image.status === 'ready') await noteImages(tx, image, 'product.image_removed')
      })
      await store.deleteSizes(id)
      await store.deleteOriginal(id)
    },
  }
}

/**
 * For the worker's transaction that makes a picture part of its product: tells of the change, and
 * notes it in the audit log. A product that is archived by now is left alone. Rejects with
 * PostgreSQL's errors, which roll `tx` back.
 */
export function noteReadyImage(tx: DatabaseTransactionConnection, image: ImageRow): Promise<void> {
  return noteImages(tx, image, 'product.image_added')
}

/** A picture has become part of its product, or is no more: the product has changed. */
async function noteImages(
  tx: DatabaseTransactionConnection,
  { id, productId, sellerId }: ImageRow,
  action: 'product.image_added' | 'product.image_removed',
): Promise<void> {
  const target = { idOrSlug: productId, sellerId, versions: null }
  const touched = await touchProduct(tx, target).catch((error: unknown) => {
    // Archived meanwhile: nobody will see it.
    if (error instanceof AppError && error.code === 'not_found') return null
    throw error
  })
  if (touched === null) return
  const { version } = touched
  await appendOutbox(tx, productChangedTopic, `${productId}:${version}`, { productId, version })
  await appendAudit(tx, {
    actor: { id: sellerId, role: 'seller' },
    action,
    subject: `product:${productId}`,
    details: { imageId: id },
  })
}
