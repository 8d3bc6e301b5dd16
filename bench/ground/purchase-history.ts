/**
 * A history of purchases whose structure is known: products come in sets of six that are bought together,
 * the sets cut across categories, a few products are bought by everybody, and every second basket holds
 * something that does not belong to the rest.
 */
import type { DatabasePool } from 'slonik'
import { countOrders } from '../../src/catalogue/count-orders.ts'
import { recommend } from '../../src/catalogue/recommend.ts'
import { newId } from '../../src/kernel/ids.ts'
import { type SeededRandom, seededRandom } from '../../src/kernel/random.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { writePaidLines } from './orders.ts'

const setSize = 6
const categories = ['one', 'two', 'three', 'four', 'five']
/** What is recommended at once. */
const shown = 5

export interface HistoryOptions {
  readonly products: number
  readonly orders: number
  readonly seed: number
}

interface Item {
  readonly id: string
  readonly sku: string
}

/** A shop with a history; set n holds the items from 6n to 6n + 5. */
export interface History {
  readonly items: readonly Item[]
  /** Each a list of items' numbers. */
  readonly baskets: readonly (readonly number[])[]
}

export function makeHistory({ products, orders, seed }: HistoryOptions): History {
  const random = seededRandom(seed)
  const items = Array.from({ length: products - (products % setSize) }, (_, i) => ({
    id: newId(),
    sku: `REC-${seed}-${i}`,
  }))
  const baskets = Array.from({ length: orders }, () => basket(random, items.length))
  return { items, baskets }
}

function basket(random: SeededRandom, items: number): number[] {
  const popular = () => Math.floor(items * random.next() ** 4)
  const start = random.whole(0, items / setSize - 1) * setSize
  const set = Array.from({ length: setSize }, (_, i) => start + i)
  const bought = random.some(set, random.whole(2, 3))
  return random.chance(0.5) ? [...new Set([...bought, popular()])] : bought
}

/** Writes products and paid orders, and counts them. Everything is in stock and costs the same. */
export async function storeHistory(pool: DatabasePool, history: History): Promise<void> {
  const sellerId = newId()
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${sellerId}, ${`${sellerId}@bench.invalid`}, 'Seller', 'seller', '!')`)
  const { items } = history
  await pool.transaction(async (tx) => {
    await tx.query(sql.typeAlias('none')`
      insert into products (id, seller_id, slug, title, category)
      select * from ${sql.unnest(
        items.map(({ id, sku }, i) => [
          id,
          sellerId,
          sku.toLowerCase(),
          `Item ${sku}`,
          categories[i % categories.length] as string,
        ]),
        ['uuid', 'uuid', 'text', 'text', 'text'],
      )}`)
    await tx.query(sql.typeAlias('none')`
      insert into ledger (sku, partition, on_hand, free)
      select *, 10, 10 from ${sql.unnest(
        items.map(({ sku }) => [sku, partitionOf(sku)]),
        ['text', 'int2'],
      )} as l`)
    await tx.query(sql.typeAlias('none')`
      insert into variants (sku, product_id, price, currency)
      select *, 1000, 'EUR' from ${sql.unnest(
        items.map(({ sku, id }) => [sku, id]),
        ['text', 'uuid'],
      )} as v`)
  })
  for (let at = 0; at < history.baskets.length; at += 2_000) {
    await storeOrders(pool, items, history.baskets.slice(at, at + 2_000))
  }
  await pool.query(sql.typeAlias('none')`analyze`)
}

async function storeOrders(
  pool: DatabasePool,
  items: readonly Item[],
  baskets: History['baskets'],
): Promise<void> {
  const orders = baskets.map((numbers) => ({
    id: newId(),
    skus: numbers.map((number) => (items[number] as Item).sku),
  }))
  await pool.transaction(async (tx) => {
    await writePaidLines(tx, orders)
    await countOrders(
      tx,
      orders.map(({ id }) => id),
    )
  })
}

export interface Precision {
  /** Share of the five that belong to the product's set, over all products. 0 to 1. */
  readonly recommended: number
  /** The same for the five products that most orders hold. */
  readonly popular: number
}

/** precision@5 of recommendations, beside recommending to everybody what is popular. */
export async function measurePrecision(
  pool: DatabasePool,
  { items, baskets }: History,
): Promise<Precision> {
  const numbers = new Map(items.map(({ id }, i) => [id, i]))
  const orders = new Map<number, number>()
  for (const each of baskets) for (const i of each) orders.set(i, (orders.get(i) ?? 0) + 1)
  const favourites = [...orders].sort((a, b) => b[1] - a[1]).map(([i]) => i)
  const belong = (item: number, others: readonly number[]) =>
    others.filter((other) => setOf(other) === setOf(item)).length
  let recommended = 0
  let popular = 0
  for (const [item, { id }] of items.entries()) {
    const found = (await recommend(pool, id, shown)) ?? []
    recommended += belong(
      item,
      found.map((each) => numbers.get(each.id) as number),
    )
    popular += belong(item, favourites.filter((other) => other !== item).slice(0, shown))
  }
  const all = items.length * shown
  return { recommended: recommended / all, popular: popular / all }
}

const setOf = (item: number) => Math.floor(item / setSize)
