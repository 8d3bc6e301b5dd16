import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { type ImageType, imageLimits, imageTypeNames } from './image-limits.ts'

export const imageStatuses = ['pending', 'processing', 'ready', 'refused'] as const

const ImageRow = z.object({
  id: z.string(),
  productId: z.string(),
  sellerId: z.string(),
  contentType: z.enum(imageTypeNames),
  bytes: z.number(),
  status: z.enum(imageStatuses),
  reason: z.string().nullable(),
  width: z.number().nullable(),
  height: z.number().nullable(),
  /** Whose files are shown: a made-up shop has more products than pictures. */
  fileId: z.string(),
  attempts: z.number(),
})

export type ImageRow = z.infer<typeof ImageRow>

const columns = sql.fragment`id, product_id as "productId", seller_id as "sellerId",
  content_type as "contentType", bytes, status, reason, width, height, attempts, coalesce(file_id, id) as "fileId"`

/** Inserts the announcement of an upload. False when the product has as many pictures as it may have. */
export async function insertImage(
  tx: CommonQueryMethods,
  image: {
    readonly id: string
    readonly productId: string
    readonly sellerId: string
    readonly contentType: ImageType
    readonly bytes: number
  },
): Promise<boolean> {
  const { id, productId, sellerId, contentType, bytes } = image
  const inserted = await tx.query(sql.typeAlias('none')`
    insert into product_images (id, product_id, seller_id, content_type, bytes)
    select ${id}, ${productId}, ${sellerId}, ${contentType}, ${bytes}
    where ${imageLimits.perProduct} >
      (select count(*) from product_images where product_id = ${productId} and status <> 'refused')`)
  return inserted.rowCount === 1
}

export async function findImage(db: CommonQueryMethods, id: string): Promise<ImageRow | null> {
  return db.maybeOne(sql.type(ImageRow)`select ${columns} from product_images where id = ${id}`)
}

/** All of a product's, in the order in which they were announced. */
export async function imagesOfProduct(
  db: CommonQueryMethods,
  productId: string,
): Promise<readonly ImageRow[]> {
  return db.any(sql.type(ImageRow)`
    select ${columns} from product_images where product_id = ${productId} order by id limit 200`)
}

/** Those that are shown, of several products at once. */
export async function readyImages(
  db: CommonQueryMethods,
  productIds: readonly string[],
): Promise<readonly ImageRow[]> {
  return db.any(sql.type(ImageRow)`
    select ${columns} from product_images
    where product_id = any (${sql.array([...productIds], 'uuid')}) and status = 'ready'
    order by product_id, id`)
}

/** The upload has arrived: it is due to be processed. False when it had been noticed before. */
export async function markUploaded(db: CommonQueryMethods, id: string): Promise<boolean> {
  const marked = await db.query(sql.typeAlias('none')`
    update product_images set status = 'processing', due_at = now()
    where id = ${id} and status = 'pending'`)
  return marked.rowCount === 1
}

/** A subquery: when the first picture to process is due, or was. */
export const firstDueImage = sql.fragment`
  select due_at from product_images where status = 'processing' order by due_at limit 1`

/** Takes some that are due, so that nobody else takes them for a minute times the tries before. */
export async function claimDueImages(
  db: CommonQueryMethods,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db.any(sql.typeAlias('id')`
    update product_images
    set due_at = now() + make_interval(secs => 60 * (attempts + 1)), attempts = attempts + 1
    where id in (
      select id from product_images where status = 'processing' and due_at <= now()
      order by due_at limit ${limit} for update skip locked)
    returning id`)
  return rows.map(({ id }) => id)
}

export async function markReady(
  db: CommonQueryMethods,
  image: { readonly id: string; readonly width: number; readonly height: number },
): Promise<boolean> {
  const marked = await db.query(sql.typeAlias('none')`
    update product_images set status = 'ready', width = ${image.width}, height = ${image.height}
    where id = ${image.id} and status = 'processing'`)
  return marked.rowCount === 1
}

export async function markRefused(
  db: CommonQueryMethods,
  id: string,
  reason: string,
): Promise<boolean> {
  const marked = await db.query(sql.typeAlias('none')`
    update product_images set status = 'refused', reason = ${reason}
    where id = ${id} and status = 'processing'`)
  return marked.rowCount === 1
}

/** Announcements whose upload may have arrived unnoticed; each is looked at every few seconds. */
export async function claimPending(
  db: CommonQueryMethods,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db.any(sql.typeAlias('id')`
    update product_images set due_at = now() + interval '5 seconds'
    where id in (
      select id from product_images where status = 'pending' and due_at <= now()
      order by due_at limit ${limit} for update skip locked)
    returning id`)
  return rows.map(({ id }) => id)
}

/** Forgets what nothing came of; returns their ids, for their files. */
export async function deleteStale(
  db: CommonQueryMethods,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db.any(sql.typeAlias('id')`
    delete from product_images where id in (
      select id from product_images
      where (status = 'pending' and created_at < now() - make_interval(hours => ${imageLimits.pendingHours}))
         or (status = 'refused' and created_at < now() - make_interval(days => ${imageLimits.refusedDays}))
      limit ${limit})
    returning id`)
  return rows.map(({ id }) => id)
}

export async function deleteImage(
  db: CommonQueryMethods,
  target: { readonly id: string; readonly productId: string },
): Promise<boolean> {
  const deleted = await db.query(sql.typeAlias('none')`
    delete from product_images where id = ${target.id} and product_id = ${target.productId}`)
  return deleted.rowCount === 1
}
