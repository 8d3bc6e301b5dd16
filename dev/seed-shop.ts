/** Writes a made-up shop of any size to PostgreSQL: accounts, products, stock, and a year of orders. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { countOrders } from '../src/catalogue/count-orders.ts'
import { noteWords } from '../src/catalogue/note-words.ts'
import { refreshStockFlags } from '../src/catalogue/stock-flags.ts'
import { sql } from '../src/platform/postgres/pool.ts'
import { partitionOf } from '../src/stock/protocol/partition.ts'
import {
  type MadeUpAccount,
  type MadeUpProduct,
  type MadeUpShop,
  makeUpShop,
} from './made-up-shop.ts'
import { tablesOfOrders, writeDeliveredOrders } from './write-orders.ts'

export interface SeedOptions {
  /** 1 to 200,000. */
  readonly products: number
  /** The same seed makes the same shop; another one adds another shop. */
  readonly seed: number
  readonly say: (line: string) => void
}

const productsPerChunk = 1_000
const ordersPerChunk = 2_500

/** Adds the shop of a seed. What of it is there already stays as it is, so that it can be run again. */
export async function seedShop(
  pool: DatabasePool,
  { products, seed, say }: SeedOptions,
): Promise<void> {
  const shop = makeUpShop({ products, seed })
  const sold = unitsSold(shop)
  await addAccounts(pool, seed, shop.accounts)
  const written = { products: 0, variants: 0, orders: 0 }
  for (const chunk of chunks(shop.products, productsPerChunk)) {
    // Plans that were made for empty tables get slower with every chunk.
    if (written.products === productsPerChunk) await tidyUp(pool)
    await pool.transaction(async (tx) => {
      const fresh = new Set(await addProducts(tx, chunk))
      const mine = chunk.filter(({ id }) => fresh.has(id))
      await addLedgers(tx, mine, sold)
      await addVariants(tx, mine)
      written.products += mine.length
      written.variants += mine.reduce((sum, { variants }) => sum + variants.length, 0)
    })
    say(`${written.products} of ${products} products`)
  }
  for (const chunk of chunks(shop.orders, ordersPerChunk)) {
    const added = await pool.transaction((tx) => writeDeliveredOrders(tx, chunk))
    await pool.transaction((tx) => countOrders(tx, added))
    written.orders += added.length
  }
  while ((await noteWords(pool, 5_000)) > 0);
  await refreshStockFlags(pool, 'all')
  await tidyUp(pool)
  say(
    `seeded ${written.products} products with ${written.variants} variants, and ${written.orders} orders`,
  )
}

const filledTables = [
  'products',
  'variants',
  'ledger',
  'product_search',
  'variant_search',
  'search_words',
  'product_pairs',
  'product_sales',
  ...tablesOfOrders,
] as const

/** After so many rows at once the planner has to look again, and the index of words to be put in order. */
async function tidyUp(pool: DatabasePool): Promise<void> {
  for (const table of filledTables) {
    await pool.query(sql.typeAlias('none')`vacuum (analyze) ${sql.identifier([table])}`)
  }
}

async function addAccounts(
  pool: DatabasePool,
  seed: number,
  accounts: readonly MadeUpAccount[],
): Promise<void> {
  const rows = accounts.map(({ id, name, role }, i) => [
    id,
    `${role}-${seed}-${i}@seed.invalid`,
    name,
    role,
    // Nobody logs in to them: this is no hash of anything.
    '!',
  ])
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    select * from ${sql.unnest(rows, ['uuid', 'text', 'text', 'text', 'text'])}
    on conflict do nothing`)
}

/** Returns the ids of those that are new. */
async function addProducts(
  tx: DatabaseTransactionConnection,
  products: readonly MadeUpProduct[],
): Promise<string[]> {
  const rows = products.map((product) => [
    product.id,
    product.sellerId,
    product.slug,
    product.title,
    product.description,
    product.category,
    new Date(product.createdAtMs).toISOString(),
  ])
  const added = await tx.any(sql.typeAlias('id')`
    insert into products (id, seller_id, slug, title, description, category, created_at)
    select * from ${sql.unnest(rows, ['uuid', 'uuid', 'text', 'text', 'text', 'text', 'timestamptz'])}
    on conflict do nothing
    returning id`)
  return added.map(({ id }) => id)
}

async function addVariants(
  tx: DatabaseTransactionConnection,
  products: readonly MadeUpProduct[],
): Promise<void> {
  const rows = products.flatMap(({ id, variants }) =>
    variants.map(({ sku, options, price }) => [sku, id, JSON.stringify(options), price, 'EUR']),
  )
  await tx.query(sql.typeAlias('none')`
    insert into variants (sku, product_id, options, price, currency)
    select * from ${sql.unnest(rows, ['text', 'uuid', 'jsonb', 'int4', 'text'])}`)
}

async function addLedgers(
  tx: DatabaseTransactionConnection,
  products: readonly MadeUpProduct[],
  sold: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = products.flatMap(({ variants }) =>
    variants.map(({ sku, free }) => {
      const gone = sold.get(sku) ?? 0
      return [sku, partitionOf(sku), free + gone, free, gone]
    }),
  )
  await tx.query(sql.typeAlias('none')`
    insert into ledger (sku, partition, on_hand, free, sold)
    select * from ${sql.unnest(rows, ['text', 'int2', 'int4', 'int4', 'int4'])}`)
}

function unitsSold({ orders }: MadeUpShop): Map<string, number> {
  const sold = new Map<string, number>()
  for (const { lines } of orders) {
    for (const { variant, units } of lines) {
      sold.set(variant.sku, (sold.get(variant.sku) ?? 0) + units)
    }
  }
  return sold
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
