/** Many products at once, written to PostgreSQL directly. */

import type { TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { newId } from '../../src/kernel/ids.ts'
import { openPool, sql } from '../../src/platform/postgres/pool.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { createTestDatabase } from './stores.ts'

export interface StoredVariant {
  readonly sku: string
  readonly options: Readonly<Record<string, string>>
  readonly price: number
  readonly free: number
}

export interface StoredProduct {
  readonly id: string
  readonly title: string
  readonly category: string
  readonly variants: readonly StoredVariant[]
}

/** A database of the test's own with one seller. */
export async function startCatalogue(t: TestContext) {
  const pool = await openPool(await createTestDatabase(t), {
    max: 8,
    statementTimeoutMs: 10_000,
    onError: () => {},
  })
  t.after(() => pool.end())
  const sellerId = newId()
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${sellerId}, 'seller@example.com', 'Sam Seller', 'seller', '-')`)
  return {
    pool,
    sellerId,
    add: (products: readonly StoredProduct[]) => add(pool, sellerId, products),
  }
}

async function add(
  pool: DatabasePool,
  sellerId: string,
  products: readonly StoredProduct[],
): Promise<void> {
  const rows = products.map(({ id, title, category }) => [id, sellerId, `p-${id}`, title, category])
  const variants = products.flatMap((product) =>
    product.variants.map((variant) => ({ ...variant, productId: product.id })),
  )
  await pool.transaction(async (tx) => {
    await tx.query(sql.typeAlias('none')`
      insert into products (id, seller_id, slug, title, category)
      select * from ${sql.unnest(rows, ['uuid', 'uuid', 'text', 'text', 'text'])}`)
    await tx.query(sql.typeAlias('none')`
      insert into ledger (sku, partition, on_hand, free)
      select * from ${sql.unnest(
        variants.map(({ sku, free }) => [sku, partitionOf(sku), free, free]),
        ['text', 'int2', 'int4', 'int4'],
      )}`)
    await tx.query(sql.typeAlias('none')`
      insert into variants (sku, product_id, options, price, currency)
      select * from ${sql.unnest(
        variants.map(({ sku, productId, options, price }) => [
          sku,
          productId,
          JSON.stringify(options),
          price,
          'EUR',
        ]),
        ['text', 'uuid', 'jsonb', 'int4', 'text'],
      )}`)
  })
}

let made = 0

/** A product with variants; ids rise in the order in which they are made. */
export function stored(given: Partial<StoredProduct> = {}): StoredProduct {
  made += 1
  const time = (1_700_000_000_000 + made).toString(16).padStart(12, '0')
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(made).padStart(12, '0')}`
  return {
    id,
    title: `Product ${made}`,
    category: 'things',
    variants: [storedVariant()],
    ...given,
  }
}

export function storedVariant(given: Partial<StoredVariant> = {}): StoredVariant {
  return {
    sku: `S-${newId().slice(-12)}`,
    options: { color: 'red' },
    price: 1_000,
    free: 5,
    ...given,
  }
}
