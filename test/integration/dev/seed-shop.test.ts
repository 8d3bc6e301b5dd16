// The made-up shop: the same for the same seed, written once, and such that every promise holds on it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { makeUpShop } from '../../../dev/made-up-shop.ts'
import { seedRole } from '../../../dev/seed.ts'
import { seedOptions } from '../../../dev/seed-options.ts'
import { seedShop } from '../../../dev/seed-shop.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { checkGuarantees } from '../../../src/ops/guarantees.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { readCommandLine } from '../../../src/system/command-line.ts'
import { countOrders } from '../../support/purchases/count.ts'
import { startTestSystem } from '../../support/system.ts'

const Counts = z.object({
  products: z.number(),
  variants: z.number(),
  searchable: z.number(),
  words: z.number(),
  unnoted: z.number(),
  counted: z.number(),
  pairs: z.number(),
})

test('a seed makes the same shop every time, and another seed another', () => {
  const make = (seed: number) => makeUpShop({ products: 50, seed })
  assert.deepEqual(make(3), make(3))
  const [one, other] = [make(3), make(4)]
  const skus = new Set(one.products.flatMap(({ variants }) => variants.map(({ sku }) => sku)))
  assert.ok(other.products.every(({ variants }) => variants.every(({ sku }) => !skus.has(sku))))
  assert.notDeepEqual(
    one.products.map(({ id }) => id),
    other.products.map(({ id }) => id),
  )
})

test('a seeded shop can be searched and bought from, and keeps every promise', async (t) => {
  const system = await startTestSystem(t, { own: true })
  const { pool, redis, config } = system
  const said: string[] = []
  const seed = () => seedShop(pool, { products: 300, seed: 5, say: (line) => said.push(line) })
  const counts = async () => ({
    orders: await countOrders(pool),
    ...(await pool.one(sql.type(Counts)`
      select (select count(*) from products) as products, (select count(*) from variants) as variants,
        (select count(*) from variant_search) as searchable, (select count(*) from search_words) as words,
        (select count(*) from product_search where not noted) as unnoted,
        (select count(*) from counted_orders) as counted,
        (select count(*) from product_pairs) as pairs`)),
  })
  await seed()
  const first = await counts()
  assert.equal(first.products, 300)
  assert.equal(first.orders, 450)
  assert.equal(first.counted, 450)
  assert.equal(first.searchable, first.variants)
  assert.equal(first.unnoted, 0)
  assert.ok(first.variants > 600 && first.words > 100 && first.pairs > 100, JSON.stringify(first))
  await seed()
  assert.deepEqual(await counts(), first, 'a second run adds nothing')
  assert.match(said.at(-1) ?? '', /seeded 0 products/)

  const { kept, promises } = await checkGuarantees({
    pool,
    redis,
    config,
    clock: systemClock,
    note: () => {},
  })
  assert.ok(kept, JSON.stringify(promises.flatMap(({ breaches }) => breaches)))

  const found = await system.call('GET', '/api/products?q=jakcet&inStock=true&limit=1')
  assert.equal(found.status, 200)
  const [item] = JSON.parse(JSON.stringify(found.body.items)) as { id: string }[]
  assert.ok(item)
  const goesWith = await system.call('GET', `/api/products/${item.id}/recommendations?limit=5`)
  assert.equal(goesWith.body.items.length, 5)
})

test('a bad number of products is refused in one line that names the flag', () => {
  const read = (...args: string[]) => seedOptions(readCommandLine(args, seedRole))
  assert.deepEqual(read(), { products: undefined, seed: 1 })
  assert.deepEqual(read('--products', '20', '--seed', '7'), { products: 20, seed: 7 })
  for (const args of [
    ['--products', '0'],
    ['--products', 'x'],
    ['--products'],
    ['--products', '--seed'],
  ]) {
    assert.throws(() => read(...args), /^UsageError: --products: [^\n]+$/)
  }
})
