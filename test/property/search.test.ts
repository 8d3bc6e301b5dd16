// Search against a model of twenty lines that looks at every product: the same hits in the same order over
// all pages, and the same counts, whatever is asked and however the shop was changed before.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { DatabasePool } from 'slonik'
import type { Facets, FacetValue } from '../../src/catalogue/facets.ts'
import { noteWords } from '../../src/catalogue/note-words.ts'
import { noImages } from '../../src/catalogue/product.ts'
import { type ListRequest, ProductLists } from '../../src/catalogue/product-lists.ts'
import { type Hit, sorts } from '../../src/catalogue/search.ts'
import { refreshStockFlags } from '../../src/catalogue/stock-flags.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { type StoredProduct, startCatalogue, stored, storedVariant } from '../support/catalogue.ts'

const shops = 6
const asksPerShop = 40

const words = ['lamp', 'chair', 'desk', 'oak', 'steel', 'velvet']
const categories = ['living', 'office', 'garden']
const colors = ['red', 'blue', 'green']
const sizes = ['S', 'M', 'L']
const prices = Array.from({ length: 8 }, (_, i) => 500 * (i + 1))

const variant = fc.record({
  options: fc.record({ color: fc.constantFrom(...colors), size: fc.constantFrom(...sizes) }),
  price: fc.constantFrom(...prices),
  free: fc.constantFrom(0, 0, 3),
})
const product = fc.record({
  title: fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }),
  category: fc.constantFrom(...categories),
  variants: fc.array(variant, { minLength: 1, maxLength: 4 }),
})
const change = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('archive', 'price', 'stock', 'category'),
  price: fc.constantFrom(...prices),
  free: fc.constantFrom(0, 4),
  category: fc.constantFrom(...categories),
})
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
const ask = fc.record({
  q: maybe(fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 2 })),
  category: maybe(fc.constantFrom(...categories, 'nowhere')),
  minPrice: maybe(fc.constantFrom(...prices)),
  maxPrice: maybe(fc.constantFrom(...prices)),
  colors: fc.uniqueArray(fc.constantFrom(...colors), { maxLength: 2 }),
  size: maybe(fc.constantFrom(...sizes)),
  inStock: fc.boolean(),
  sort: maybe(fc.constantFrom(...sorts)),
  limit: fc.integer({ min: 1, max: 30 }),
})
type Ask = Parameters<Parameters<typeof ask.map>[0]>[0]
type Change = Parameters<Parameters<typeof change.map>[0]>[0]

test('search finds what looking at every product finds, in the same order, with the same counts', async (t) => {
  const { pool, add } = await startCatalogue(t)
  await fc.assert(
    fc.asyncProperty(
      fc.array(product, { minLength: 10, maxLength: 60 }),
      fc.array(change, { maxLength: 20 }),
      fc.array(ask, { minLength: asksPerShop, maxLength: asksPerShop }),
      async (products, changes, asks) => {
        await empty(pool)
        const shop = products.map(({ title, category, variants }) =>
          stored({ title: title.join(' '), category, variants: variants.map(storedVariant) }),
        )
        await add(shop)
        const present = new Map(shop.map((each) => [each.id, each]))
        for (const each of changes) await apply(pool, present, shop, each)
        await refreshStockFlags(pool, 'all')
        await noteWords(pool)
        for (const each of asks) await compare(pool, [...present.values()], each)
      },
    ),
    { numRuns: Number(process.env.FC_RUNS ?? shops) },
  )
})

async function empty(pool: DatabasePool): Promise<void> {
  await pool.query(sql.typeAlias('none')`delete from variants`)
  await pool.query(sql.typeAlias('none')`delete from products`)
  await pool.query(sql.typeAlias('none')`delete from ledger`)
  await pool.query(sql.typeAlias('none')`delete from search_words`)
}

async function apply(
  pool: DatabasePool,
  present: Map<string, StoredProduct>,
  shop: readonly StoredProduct[],
  { at, kind, price, free, category }: Change,
): Promise<void> {
  const before = present.get((shop[at % shop.length] as StoredProduct).id)
  if (!before) return
  const [first, ...others] = before.variants
  if (!first) return
  if (kind === 'archive') {
    await pool.query(sql.typeAlias('none')`
      update variants set archived_at = now() where sku = ${first.sku}`)
    present.set(before.id, { ...before, variants: others })
  } else if (kind === 'category') {
    await pool.query(sql.typeAlias('none')`
      update products set category = ${category} where id = ${before.id}`)
    present.set(before.id, { ...before, category })
  } else if (kind === 'price') {
    await pool.query(sql.typeAlias('none')`
      update variants set price = ${price} where sku = ${first.sku}`)
    present.set(before.id, { ...before, variants: [{ ...first, price }, ...others] })
  } else {
    await pool.query(sql.typeAlias('none')`
      update ledger set free = ${free}, on_hand = ${free} where sku = ${first.sku}`)
    present.set(before.id, { ...before, variants: [{ ...first, free }, ...others] })
  }
}

interface Found {
  readonly id: string
  readonly price: number
  readonly inStock: boolean
}

function model(shop: readonly StoredProduct[], asked: Ask) {
  const { q = [], category, minPrice = 0, maxPrice = 1e9, size, inStock } = asked
  const matches = shop.flatMap((each) => {
    if (category !== undefined && each.category !== category) return []
    if (!q.every((word) => each.title.split(' ').includes(word))) return []
    const variants = each.variants.filter(
      ({ options, price, free }) =>
        (asked.colors.length === 0 || asked.colors.includes(options.color ?? '')) &&
        (size === undefined || options.size === size) &&
        price >= minPrice &&
        price <= maxPrice &&
        (!inStock || free > 0),
    )
    return variants.length === 0 ? [] : [{ product: each, variants }]
  })
  const found = matches.map(
    ({ product: { id }, variants }): Found => ({
      id,
      price: Math.min(...variants.map(({ price }) => price)),
      inStock: variants.some(({ free }) => free > 0),
    }),
  )
  const all = matches.flatMap(({ variants }) => variants.map(({ price }) => price))
  const countOf = (values: (match: (typeof matches)[number]) => Iterable<string>) => {
    const counts = new Map<string, number>()
    for (const match of matches) {
      for (const value of new Set(values(match))) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    return counts
  }
  return {
    found,
    category: countOf(({ product: { category: name } }) => [name]),
    color: countOf(({ variants }) => variants.map(({ options }) => options.color ?? '')),
    size: countOf(({ variants }) => variants.map(({ options }) => options.size ?? '')),
    price: all.length === 0 ? null : { min: Math.min(...all), max: Math.max(...all) },
  }
}

const byId = (a: Found, b: Found) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const comparisons = {
  relevance: byId,
  newest: (a: Found, b: Found) => byId(b, a),
  price_asc: (a: Found, b: Found) => a.price - b.price || byId(a, b),
  price_desc: (a: Found, b: Found) => b.price - a.price || byId(b, a),
}

async function compare(
  pool: DatabasePool,
  shop: readonly StoredProduct[],
  asked: Ask,
): Promise<void> {
  // Fresh for each question: what is remembered is another test's matter.
  const lists = new ProductLists({ pool, imagesOf: noImages, clock: systemClock })
  const { q, colors: anyOf, size, limit, sort, ...rest } = asked
  const options = [
    ...(anyOf.length === 0 ? [] : [anyOf.map((color) => `color=${color}`)]),
    ...(size === undefined ? [] : [[`size=${size}`]]),
  ]
  const request = { ...rest, q: q?.join(' '), sort, options, limit }
  const expected = model(shop, asked)
  const { items, facets } = await allPages(lists, request)
  const effective = sort ?? 'relevance'
  const order = effective === 'relevance' && !q ? 'newest' : effective
  const seen = items.map(({ id, price, inStock }) => ({ id, price, inStock }))
  if (order === 'relevance') seen.sort(byId)
  assert.deepEqual(seen, expected.found.toSorted(comparisons[order]), JSON.stringify(asked))
  assert.deepEqual(counts(facets.category), expected.category)
  assert.deepEqual(counts(facets.options.color ?? []), expected.color)
  assert.deepEqual(counts(facets.options.size ?? []), expected.size)
  assert.deepEqual(facets.price, expected.price)
}

const counts = (values: readonly FacetValue[]) =>
  new Map(values.map(({ value, count }) => [value, count]))

async function allPages(
  lists: ProductLists,
  request: Omit<ListRequest, 'after' | 'facets'>,
): Promise<{ items: Found[]; facets: Facets }> {
  const items: Found[] = []
  let after: Hit | null = null
  let facets: Facets | null = null
  for (;;) {
    const page = await lists.search({ ...request, after, facets: facets === null })
    facets ??= page.facets
    items.push(
      ...page.items.map(({ id, priceFrom, inStock }) => ({ id, price: priceFrom, inStock })),
    )
    assert.ok(page.items.length <= request.limit)
    after = page.next
    if (after === null) break
  }
  assert.ok(facets)
  return { items, facets }
}
