/** Changes of products. Each is one conditional statement on the product's row, which also numbers it. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/ids.ts'
import { violated } from '../platform/postgres/pipeline.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { Options } from './product.ts'
import { slugOf } from './slug.ts'

export interface ProductTexts {
  readonly title: string
  readonly description: string
  readonly category: string
}

export interface NewVariant {
  readonly sku: string
  readonly options: Options
  /** Minor units. */
  readonly price: number
  readonly currency: string
}

export interface VariantEdit {
  readonly sku: string
  readonly price?: number | undefined
  readonly options?: Options | undefined
}

/** Which product, for whom, and the versions that the caller has seen; null: any. */
export interface ProductTarget {
  readonly idOrSlug: string
  readonly sellerId: string
  readonly versions: readonly number[] | null
}

/** Versions of a product after a change. */
const Changed = z.object({ id: z.string(), version: z.number() })
export type Changed = z.infer<typeof Changed>

/** Inserts a product and its variants. @throws AppError sku_taken, or unauthenticated when the seller is gone. */
export async function insertProduct(
  tx: DatabaseTransactionConnection,
  product: ProductTexts & { readonly id: string; readonly sellerId: string },
  variants: readonly NewVariant[],
): Promise<Changed> {
  const { id, sellerId, title, description, category } = product
  const plain = slugOf(title)
  const unique = `${plain || 'product'}-${id.slice(-8)}`
  const slugs = plain === '' || isUuid(plain) ? [unique] : [plain, unique]
  for (const slug of slugs) {
    const written = await tx
      .query(sql.typeAlias('none')`
        insert into products (id, seller_id, slug, title, description, category)
        values (${id}, ${sellerId}, ${slug}, ${title}, ${description}, ${category})
        on conflict (slug) do nothing`)
      .catch(refuseGoneSeller)
    if (written.rowCount === 0) continue
    await insertVariants(tx, id, variants)
    return { id, version: 1 }
  }
  throw new Error(`product ${id}: no free slug`)
}

/** Adds variants, in this order. @throws AppError sku_taken. */
export async function insertVariants(
  tx: DatabaseTransactionConnection,
  productId: string,
  variants: readonly NewVariant[],
): Promise<void> {
  const rows = variants.map(({ sku, options, price, currency }) => [
    sku,
    productId,
    JSON.stringify(options),
    price,
    currency,
  ])
  await tx
    .query(sql.typeAlias('none')`
      insert into variants (sku, product_id, options, price, currency)
      select * from ${sql.unnest(rows, ['text', 'uuid', 'jsonb', 'int4', 'text'])}`)
    .catch((error: unknown) => {
      if (violated(error) !== 'variants_pkey') throw error
      throw new AppError('sku_taken', 'A SKU is taken. SKUs are unique in the whole shop.', {
        cause: error,
      })
    })
}

/**
 * Numbers the product anew, and writes those texts that are given. The row stays locked until the end of
 * `tx`, so that changes of one product take turns.
 * @throws AppError not_found when it is not on show or somebody else's, stale_version when none of the
 * versions that the caller has seen is the present one.
 */
export async function touchProduct(
  tx: DatabaseTransactionConnection,
  { idOrSlug, sellerId, versions }: ProductTarget,
  texts: { readonly [Name in keyof ProductTexts]?: ProductTexts[Name] | undefined } = {},
): Promise<Changed> {
  const { title = null, description = null, category = null } = texts
  const seen =
    versions === null ? sql.fragment`true` : sql.fragment`version = any(${int4s(versions)})`
  const named = isUuid(idOrSlug) ? sql.fragment`id = ${idOrSlug}` : sql.fragment`slug = ${idOrSlug}`
  const changed = await tx.maybeOne(sql.type(Changed)`
    update products set version = version + 1, updated_at = now(), title = coalesce(${title}, title),
        description = coalesce(${description}, description), category = coalesce(${category}, category)
     where ${named} and seller_id = ${sellerId} and archived_at is null and ${seen}
    returning id, version`)
  if (changed) return changed
  const mine = await tx.exists(sql.typeAlias('none')`
    select from products where ${named} and seller_id = ${sellerId} and archived_at is null`)
  if (!mine) throw new AppError('not_found', 'There is no such product.')
  throw new AppError(
    'stale_version',
    'The product has changed since you read it. Read it again, then repeat your edit.',
  )
}

const Sold = z.object({ sku: z.string(), currency: z.string() })

/**
 * Writes new prices and options; returns the SKUs that the product has of these, with their currency.
 */
export async function updateVariants(
  tx: DatabaseTransactionConnection,
  productId: string,
  edits: readonly VariantEdit[],
): Promise<readonly z.infer<typeof Sold>[]> {
  const rows = edits.map(({ sku, price, options }) => [
    sku,
    price ?? null,
    options === undefined ? null : JSON.stringify(options),
  ])
  return tx.any(sql.type(Sold)`
    update variants v set price = coalesce(e.price, v.price), options = coalesce(e.options, v.options)
      from ${sql.unnest(rows, ['text', 'int4', 'jsonb'])} as e (sku, price, options)
     where v.sku = e.sku and v.product_id = ${productId} and v.archived_at is null
    returning v.sku, v.currency`)
}

/** Takes a product that is locked by {@link touchProduct} off the shelves, with all its variants. */
export async function archive(tx: DatabaseTransactionConnection, productId: string): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    update variants set archived_at = now() where product_id = ${productId} and archived_at is null`)
  await tx.query(sql.typeAlias('none')`
    update products set archived_at = now() where id = ${productId}`)
}

/** The SKUs of a product and their currency, archived ones too: their orders and gates live on. */
export async function skusOf(
  db: Pick<DatabaseTransactionConnection, 'any'>,
  productId: string,
): Promise<readonly z.infer<typeof Sold>[]> {
  return db.any(sql.type(Sold)`
    select sku, currency from variants where product_id = ${productId} order by number`)
}

const int4s = (numbers: readonly number[]) => sql.array([...numbers], 'int4')

function refuseGoneSeller(error: unknown): never {
  if (violated(error) !== 'products_seller_id_fkey') throw error
  throw new AppError('unauthenticated', 'This account no longer exists.', { cause: error })
}
