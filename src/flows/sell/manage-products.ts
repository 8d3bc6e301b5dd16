/**
 * What sellers do with their products. A change is one transaction over catalogue and stock, with
 * an event that makes caches and gates follow it; they are told at once as well, so that usually
 * nothing waits for the event.
 */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { appendAudit } from '../../audit/audit-log.ts'
import type { ImagesOf, Product } from '../../catalogue/product.ts'
import { productChanged } from '../../catalogue/product-cache.ts'
import { readProduct } from '../../catalogue/read-products.ts'
import { refreshStockFlags } from '../../catalogue/stock-flags.ts'
import {
  archive,
  type Changed,
  insertProduct,
  insertVariants,
  type NewVariant,
  type ProductTarget,
  type ProductTexts,
  skusOf,
  touchProduct,
  updateVariants,
  type VariantEdit,
} from '../../catalogue/write-products.ts'
import { priceFault } from '../../kernel/currency.ts'
import { AppError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import { limits } from '../../kernel/limits.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import { refreshTerms } from '../../stock/gate/refresh-terms.ts'
import { openLedger } from '../../stock/ledger/open-ledger.ts'
import type { GateStore } from '../../stock/ports.ts'
import type { OfferSource } from '../../stock/protocol/offers.ts'

/** What selling is built from. */
export interface ManageProductsDeps {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly gates: Pick<GateStore, 'setTerms'>
  readonly offers: OfferSource
  readonly imagesOf: ImagesOf
  /** Makes this process read a product and its SKUs anew, at once. */
  readonly forget: (productId: string, skus: readonly string[]) => void
}

/** A new variant, and what there is of it. */
export interface StockedVariant extends NewVariant {
  /** Units on hand. */
  readonly stock: number
}

/** What PATCH /api/products/:id changes; what is left out stays. Prices are minor units. */
export interface ProductEdit extends Partial<Record<keyof ProductTexts, string | undefined>> {
  readonly variants?: readonly VariantEdit[] | undefined
}

/**
 * The topic of the event that every change of a product writes, for the worker; its key names
 * product and version.
 */
export const productChangedTopic = 'product.changed'

/** Of an entry in the audit log. */
type Details = Readonly<Record<string, unknown>>

/** What the routes of products call. */
export type ManageProducts = ReturnType<typeof manageProducts>

/**
 * Builds what sellers can do with their products: prices are minor units, stock is units. Every
 * verb but `create` throws AppError not_found for a product that is not the seller's, stale_version
 * for one that has changed since. Redis that is away fails none of them.
 */
export function manageProducts(deps: ManageProductsDeps) {
  const { pool } = deps
  const shown = async (id: string): Promise<Product> => {
    const product = await readProduct(pool, deps.imagesOf, id)
    if (!product) throw new AppError('not_found', 'There is no such product.')
    return product
  }
  /** Whatever Redis does, this process answers with the change from now on. */
  const answer = async (changed: Changed): Promise<Product> => {
    await follow(changed)
    return shown(changed.id)
  }
  const follow = async (changed: Changed): Promise<void> => {
    const skus = (await skusOf(pool, changed.id)).map(({ sku }) => sku)
    await followChange(deps, changed, skus).catch(leaveToTheEvent)
    deps.forget(changed.id, skus)
  }
  return {
    /** For POST /api/products. @throws AppError sku_taken, validation_failed (two currencies), unauthenticated. */
    async create(
      sellerId: string,
      texts: ProductTexts,
      variants: readonly StockedVariant[],
    ): Promise<Product> {
      const id = newId()
      expectOneCurrency(variants)
      await pool.transaction(async (tx) => {
        await insertProduct(tx, { id, sellerId, ...texts }, variants)
        await stockUp(tx, variants)
        await audited(tx, sellerId, 'product.created', id, { ...texts, variants })
      })
      return shown(id)
    },

    /** For PATCH /api/products/:id; what was promised keeps its price. @throws AppError not_found, stale_version, validation_failed (prices). */
    async edit(target: ProductTarget, { variants = [], ...texts }: ProductEdit): Promise<Product> {
      const write = async (tx: DatabaseTransactionConnection, id: string) => {
        if (variants.length > 0) await writeEdits(tx, id, variants)
        return { ...texts, variants }
      }
      return answer(await change(pool, target, 'product.edited', write, texts))
    },

    /** For POST …/variants. @throws AppError not_found, stale_version, sku_taken, validation_failed (currencies, count). */
    async addVariants(
      target: ProductTarget,
      variants: readonly StockedVariant[],
    ): Promise<Product> {
      const changed = await change(pool, target, 'product.variants_added', async (tx, id) => {
        expectFit([...(await skusOf(tx, id)), ...variants])
        await insertVariants(tx, id, variants)
        await stockUp(tx, variants)
        return { variants }
      })
      return answer(changed)
    },

    /** For DELETE /api/products/:id; its orders stay. @throws AppError not_found, stale_version. */
    async archive(target: ProductTarget): Promise<void> {
      const changed = await change(pool, target, 'product.archived', async (tx, id) => {
        await archive(tx, id)
        return {}
      })
      await follow(changed)
    },
  }
}

/**
 * One transaction for a change, its entry in the audit log, and its event. `write` returns the
 * entry's details.
 */
function change(
  pool: DatabasePool,
  target: ProductTarget,
  action: string,
  write: (tx: DatabaseTransactionConnection, id: string) => Promise<Details>,
  texts: Omit<ProductEdit, 'variants'> = {},
): Promise<Changed> {
  return pool.transaction(async (tx) => {
    const touched = await touchProduct(tx, target, texts)
    await audited(tx, target.sellerId, action, touched.id, await write(tx, touched.id))
    return noted(tx, touched)
  })
}

/**
 * For sellers' changes, and for the worker that handles their events: tells caches and gates; any
 * number of times, and late. Rejects when Redis is away, and with AppError overloaded when terms
 * change faster than they can be written.
 */
export async function followChange(
  { redis, gates, offers }: Pick<ManageProductsDeps, 'redis' | 'gates' | 'offers'>,
  changed: Changed,
  skus: readonly string[],
): Promise<void> {
  await productChanged(redis, changed)
  await Promise.all(skus.map((sku) => refreshTerms(gates, offers, sku)))
}

/** The change is committed, and its event will be handled when Redis is back: no reason to fail. */
function leaveToTheEvent(): void {}

async function noted(tx: DatabaseTransactionConnection, changed: Changed): Promise<Changed> {
  const { id, version } = changed
  await appendOutbox(tx, productChangedTopic, `${id}:${version}`, { productId: id, version })
  return changed
}

async function audited(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  action: string,
  productId: string,
  details: Details,
): Promise<void> {
  const actor = { id: sellerId, role: 'seller' }
  await appendAudit(tx, { actor, action, subject: `product:${productId}`, details })
}

async function stockUp(
  tx: DatabaseTransactionConnection,
  variants: readonly StockedVariant[],
): Promise<void> {
  await openLedger(
    tx,
    variants.map(({ sku, stock }) => ({ sku, units: stock })),
  )
  await refreshStockFlags(
    tx,
    variants.map(({ sku }) => sku),
  )
}

async function writeEdits(
  tx: DatabaseTransactionConnection,
  productId: string,
  edits: readonly VariantEdit[],
): Promise<void> {
  const written = await updateVariants(tx, productId, edits)
  const currencies = new Map(written.map(({ sku, currency }) => [sku, currency]))
  edits.forEach(({ sku, price = 0 }, i) => {
    const currency = currencies.get(sku)
    if (currency === undefined) throw invalid(`variants.${i}.sku`, 'The product has no such SKU')
    const fault = priceFault(price, currency)
    if (fault !== null) throw invalid(`variants.${i}.price`, fault)
  })
}

/** All variants that a product will have. */
function expectFit(variants: readonly Priced[]): void {
  expectOneCurrency(variants)
  if (variants.length > limits.productVariants) {
    throw invalid('variants', `At most ${limits.productVariants} variants a product`)
  }
}

type Priced = Pick<NewVariant, 'currency'>

function expectOneCurrency(variants: readonly Priced[]): void {
  if (variants.some(({ currency }) => currency !== variants[0]?.currency))
    throw invalid('variants', 'All variants of a product have one currency')
}

function invalid(path: string, message: string): AppError {
  return new AppError('validation_failed', `${message}.`, { errors: [{ path, message }] })
}
