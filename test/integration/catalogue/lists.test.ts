// Lists of products while the shop changes, queries as people type them, and what a page costs.
import assert from 'node:assert/strict'
import test from 'node:test'
import { noteWords } from '../../../src/catalogue/note-words.ts'
import { noImages } from '../../../src/catalogue/product.ts'
import { ProductCache } from '../../../src/catalogue/product-cache.ts'
import { type ListRequest, ProductLists } from '../../../src/catalogue/product-lists.ts'
import { readProduct } from '../../../src/catalogue/read-products.ts'
import type { Hit } from '../../../src/catalogue/search.ts'
import { refreshStockFlags } from '../../../src/catalogue/stock-flags.ts'
import { AvailabilityReader } from '../../../src/flows/browse/availability.ts'
import { type ProductPage, ProductPages } from '../../../src/flows/browse/product-pages.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { startCatalogue, stored, storedVariant } from '../../support/catalogue.ts'
import { countQueries } from '../../support/counted-pool.ts'
import { createTestRedis } from '../../support/stores.ts'

const everything: ListRequest = {
  options: [],
  inStock: false,
  after: null,
  limit: 20,
  facets: false,
}

for (const sort of ['newest', 'price_asc', 'price_desc', 'relevance'] as const) {
  test(`by ${sort}, who pages through a changing shop sees all that stays, once`, async (t) => {
    const { pool, add } = await startCatalogue(t)
    const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
    const priced = (i: number) => ({
      title: 'oak lamp',
      variants: [storedVariant({ price: 100 * (i % 7) })],
    })
    const staying = Array.from({ length: 60 }, (_, i) => stored(priced(i)))
    const leaving = Array.from({ length: 20 }, (_, i) => stored(priced(i)))
    await add([...staying, ...leaving])
    const seen: string[] = []
    let after: Hit | null = null
    for (let page = 0; ; page += 1) {
      const { items, next } = await lists.search({
        ...everything,
        q: 'lamp',
        sort,
        limit: 7,
        after,
      })
      seen.push(...items.map(({ id }) => id))
      after = next
      if (after === null) break
      // Some come and some go between any two pages.
      await add([stored(priced(page)), stored(priced(page + 3))])
      await pool.query(sql.typeAlias('none')`
        update variants set archived_at = now() where product_id = ${leaving[page]?.id ?? ''}::uuid`)
    }
    assert.equal(new Set(seen).size, seen.length, 'nothing comes twice')
    const stayed = new Set(staying.map(({ id }) => id))
    assert.equal(seen.filter((id) => stayed.has(id)).length, staying.length)
  })
}

test('what is typed finds what is meant', async (t) => {
  const { pool, add } = await startCatalogue(t)
  const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
  const title = (text: string, color = 'black') =>
    stored({ title: text, variants: [storedVariant({ options: { color } })] })
  await add([
    title('Wireless Headphones'),
    title('Crème Brûlée Torch'),
    title('Rain Jacket', 'navy'),
    title('Running Shoes', 'red'),
    title("Chef's Knife"),
    title('T-Shirt', 'red'),
  ])
  assert.equal(await noteWords(pool), 6)
  assert.equal(await noteWords(pool), 0)
  const titles = async (q: string) =>
    (await lists.search({ ...everything, q })).items.map((item) => item.title).sort()
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['headphones', ['Wireless Headphones']],
    ['HEADPHONE', ['Wireless Headphones']],
    ['hedphones', ['Wireless Headphones']],
    ['haedphones', ['Wireless Headphones']],
    ['headph', ['Wireless Headphones']],
    ['creme brulee', ['Crème Brûlée Torch']],
    ['crème', ['Crème Brûlée Torch']],
    ['jacket rain', ['Rain Jacket']],
    ['raincoat jacket', []],
    ['navy jaket', ['Rain Jacket']],
    ['run shoe', ['Running Shoes']],
    ['red', ['Running Shoes', 'T-Shirt']],
    ['chefs knife', ["Chef's Knife"]],
    ['t-shirt', ['T-Shirt']],
    ['shrit', ['T-Shirt']],
    ['xylophone', []],
    ["'; drop table products; --", []],
    ['& | ! ( ) : * <->', []],
    ['%', []],
  ]
  for (const [q, expected] of cases) assert.deepEqual(await titles(q), expected, q)
  assert.equal((await titles('  ')).length, 6, 'blank is everything')
})

test('a product is found by its words at once, before the vocabulary has them', async (t) => {
  const { pool, add } = await startCatalogue(t)
  const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
  await add([stored({ title: 'Brandnew Zither' })])
  const { items } = await lists.search({ ...everything, q: 'zither' })
  assert.equal(items.length, 1)
})

test('the flag of a SKU follows the ledger across zero, both ways', async (t) => {
  const { pool, add } = await startCatalogue(t)
  const [low, high] = [storedVariant({ price: 100 }), storedVariant({ price: 200 })]
  await add([stored({ variants: [low, high] })])
  const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
  const list = async () =>
    (await lists.search({ ...everything, inStock: true })).items.map(({ priceFrom }) => priceFrom)
  const sell = (sku: string, free: number) =>
    pool.query(sql.typeAlias('none')`
      update ledger set free = ${free}, sold = on_hand - ${free}, generation = 1 where sku = ${sku}`)
  assert.deepEqual(await list(), [100])
  await sell(low.sku, 1)
  assert.equal(await refreshStockFlags(pool, 'opened'), 0, 'not yet zero')
  await sell(low.sku, 0)
  assert.equal(await refreshStockFlags(pool, 'opened'), 1)
  assert.deepEqual(await list(), [200], 'the cheaper one is gone')
  await sell(high.sku, 0)
  await refreshStockFlags(pool, 'opened')
  assert.deepEqual(await list(), [])
  await sell(low.sku, 2)
  await refreshStockFlags(pool, 'opened')
  assert.deepEqual(await list(), [100])
  assert.equal(await refreshStockFlags(pool, 'all'), 0)
})

test('flags that cross in one go leave the lowest price of what is left', async (t) => {
  const { pool, add } = await startCatalogue(t)
  const variants = [100, 200, 300, 400].map((price) => storedVariant({ price }))
  await add([stored({ variants })])
  const free = (sku: string, units: number) =>
    pool.query(sql.typeAlias('none')`
      update ledger set on_hand = ${units}, free = ${units} where sku = ${sku}`)
  for (const [i, { sku }] of variants.entries()) await free(sku, i === 2 ? 1 : 0)
  assert.equal(await refreshStockFlags(pool, 'all'), 3)
  const price = await pool.oneFirst(sql.typeAlias('count')`
    select stock_price as count from product_search`)
  assert.equal(price, 300)
})

test('a page of a hundred costs as many queries as a page of one', async (t) => {
  const { pool: real, add } = await startCatalogue(t)
  await add(
    Array.from({ length: 150 }, () =>
      stored({ title: 'oak lamp', variants: Array.from({ length: 4 }, () => storedVariant()) }),
    ),
  )
  const { pool, taken } = countQueries(real)
  const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
  const cost = async (request: Partial<ListRequest>) => {
    await lists.search({ ...everything, facets: true, ...request })
    return taken()
  }
  assert.equal(await cost({ limit: 1 }), 3)
  assert.equal(await cost({ limit: 100, inStock: true }), 3)
  assert.equal(await cost({ limit: 100, q: 'oak lamp', options: [['color=red']] }), 4)
  assert.equal(await cost({ limit: 100, q: 'oak lamp', options: [['color=red']] }), 3)
  const [first] = (await lists.search(everything)).items
  taken()
  await lists.recommendations(first?.id ?? '', 100)
  assert.equal(taken(), 3)
})

test('the page of a product with a hundred variants costs as many queries as with one', async (t) => {
  const { pool: real, add } = await startCatalogue(t)
  const small = stored()
  const large = stored({ variants: Array.from({ length: 100 }, () => storedVariant()) })
  await add([small, large])
  const { pool, taken } = countQueries(real)
  const redis = openRedis((await createTestRedis(t)).url, 'gate', () => {})
  t.after(() => redis.disconnect())
  const strategy = { reserve: never, post: never, available: async () => null }
  const pages = new ProductPages({
    cache: new ProductCache({
      redis,
      clock: systemClock,
      read: (id) => readProduct(pool, noImages, id),
    }),
    availability: new AvailabilityReader({ pool, strategy, clock: systemClock }),
    clock: systemClock,
  })
  const cost = async (id: string, variants: number) => {
    const page = JSON.parse((await pages.read(id))?.text ?? '') as ProductPage
    assert.equal(page.variants.length, variants)
    return taken()
  }
  assert.equal(await cost(small.id, 1), 2)
  assert.equal(await cost(large.id, 100), 2)
})

function never(): never {
  throw new Error('nobody buys here')
}
