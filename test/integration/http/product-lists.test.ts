// GET /api/products over HTTP: the shape, the filters by name, cursors, and bad input.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { aSeller, aVariant } from '../../support/products.ts'
import { startTestSystem } from '../../support/system.ts'

interface ListAnswer {
  readonly items: readonly {
    readonly id: string
    readonly title: string
    readonly inStock: boolean
  }[]
  readonly nextCursor: string | null
  readonly facets: {
    readonly category: readonly { readonly value: string; readonly count: number }[]
    readonly options: Readonly<Record<string, readonly { readonly value: string }[]>>
    readonly price: { readonly min: number | null; readonly max: number | null }
  } | null
}

async function shop(t: TestContext) {
  const system = await startTestSystem(t, { own: true })
  const seller = await aSeller(system)
  return {
    system,
    seller,
    list: async (query: string): Promise<ListAnswer> => {
      const answer = await system.call('GET', `/api/products${query}`)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      return JSON.parse(JSON.stringify(answer.body)) as ListAnswer
    },
  }
}

test('a list has cards, counts and a cursor, as the contract says', async (t) => {
  const { seller, list } = await shop(t)
  const { id, slug } = await seller.create({
    variants: [
      aVariant({ price: 2_000, options: { color: 'red', size: 'M' } }),
      aVariant({ price: 1_500, options: { color: 'blue', size: 'M' }, stock: 0 }),
    ],
  })
  assert.deepEqual(await list(''), {
    items: [
      {
        id,
        slug,
        title: 'Harbour Shirt',
        category: 'shirts',
        priceFrom: 1_500,
        currency: 'EUR',
        image: null,
        inStock: true,
        seller: { id: seller.id, name: 'Sam Seller' },
      },
    ],
    nextCursor: null,
    facets: {
      category: [{ value: 'shirts', count: 1 }],
      options: {
        color: [
          { value: 'blue', count: 1 },
          { value: 'red', count: 1 },
        ],
        size: [{ value: 'M', count: 1 }],
      },
      price: { min: 1_500, max: 2_000 },
    },
  })
  const none = await list('?category=nowhere')
  assert.deepEqual(none.items, [])
  assert.deepEqual(none.facets, { category: [], options: {}, price: { min: null, max: null } })
  assert.equal((await list('?facets=false')).facets, null)
})

test('filters are met by one and the same variant', async (t) => {
  const { seller, list } = await shop(t)
  await seller.create({
    title: 'Two faces',
    variants: [
      aVariant({ price: 1_000, options: { color: 'red', size: 'S' }, stock: 0 }),
      aVariant({ price: 3_000, options: { color: 'blue', size: 'M' } }),
    ],
  })
  const found = async (query: string) => (await list(query)).items.length
  assert.equal(await found('?option.color=red'), 1)
  assert.equal(await found('?option.color=red&option.size=S'), 1)
  assert.equal(await found('?option.color=red&option.size=M'), 0)
  assert.equal(await found('?option.color=red&option.color=blue'), 1)
  assert.equal(await found('?option.color=red&inStock=true'), 0)
  assert.equal(await found('?option.color=blue&inStock=true&minPrice=3000&maxPrice=3000'), 1)
  assert.equal(await found('?option.color=blue&maxPrice=2999'), 0)
  assert.equal(await found('?q=two+faces&option.color=blue'), 1)
  assert.equal(await found('?option.color=red%3Dx'), 0)
})

test('pages follow each other by their cursors, which belong to their order', async (t) => {
  const { system, seller, list } = await shop(t)
  for (const price of [300, 100, 200]) {
    await seller.create({ title: `At ${price}`, variants: [aVariant({ price })] })
  }
  for (const [sort, expected] of [
    ['newest', ['At 200', 'At 100', 'At 300']],
    ['price_asc', ['At 100', 'At 200', 'At 300']],
    ['price_desc', ['At 300', 'At 200', 'At 100']],
    ['relevance', ['At 200', 'At 100', 'At 300']],
  ] as const) {
    const titles: string[] = []
    let cursor = ''
    for (let page = 0; page < 3; page += 1) {
      const { items, nextCursor } = await list(`?sort=${sort}&limit=1${cursor}`)
      titles.push(...items.map(({ title }) => title))
      if (page < 2) assert.ok(nextCursor)
      else assert.equal(nextCursor, null)
      cursor = `&cursor=${nextCursor}`
    }
    assert.deepEqual(titles, expected, sort)
  }
  const { nextCursor } = await list('?sort=price_asc&limit=1')
  const foreign = await system.call('GET', `/api/products?sort=newest&cursor=${nextCursor}`)
  assert.equal(foreign.status, 400)
  assert.equal(foreign.body.errors[0]?.path, 'cursor')
})

test('bad queries are refused by name', async (t) => {
  const { system } = await shop(t)
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const bad: readonly (readonly [string, string])[] = [
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=x', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['sort=best', 'sort'],
    ['inStock=yes', 'inStock'],
    ['minPrice=-1', 'minPrice'],
    ['maxPrice=1.5', 'maxPrice'],
    ['maxPrice=1e99', 'maxPrice'],
    ['q=%07', 'q'],
    [`q=${'x'.repeat(201)}`, 'q'],
    ['q=a&q=b', 'q'],
    ['category=', 'category'],
    ['option.color=', 'option.color'],
    [`option.color=${'x'.repeat(61)}`, 'option.color'],
    ['option.color=%07', 'option.color'],
    [Array.from({ length: 11 }, (_, i) => `option.o${i}=x`).join('&'), 'option'],
    ['cursor=x', 'cursor'],
    [`cursor=${encoded([])}`, 'cursor'],
    [`cursor=${encoded(['newest', 'x', 1, 0])}`, 'cursor'],
    [`cursor=${encoded(['newest', newId(), 1e12, 0])}`, 'cursor'],
    [`cursor=${encoded(['newest', newId(), 1, 'NaN'])}`, 'cursor'],
    [`cursor=${'x'.repeat(301)}`, 'cursor'],
  ]
  for (const [query, path] of bad) {
    const answer = await system.call('GET', `/api/products?${query}`)
    assert.equal(answer.status, 400, query)
    assert.equal(answer.body.code, 'validation_failed')
    assert.ok(
      answer.body.errors.some((error) => error.path.startsWith(path)),
      JSON.stringify([query, answer.body.errors]),
    )
  }
  for (const query of ['utm_source=mail', 'option.=x', '__proto__=x', 'option.__proto__=x']) {
    assert.equal((await system.call('GET', `/api/products?${query}`)).status, 200, query)
  }
})

test('a product that was sold out leaves the list of what is in stock, and comes back with its units', async (t) => {
  const { system, seller, list } = await shop(t)
  const { sku } = aVariant()
  await seller.create({ variants: [aVariant({ sku, stock: 1 })] })
  const inStock = async () => (await list('?inStock=true')).items.length
  assert.equal(await inStock(), 1)
  const placed = await system.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(placed.status, 201)
  await eventually(async () => (await inStock()) === 0)
  await system.restock(sku, 3)
  await eventually(async () => (await inStock()) === 1)
})
