// What sellers do with their products, over HTTP: the shapes, whose products they are, and edits that meet.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { aProduct, aSeller, aVariant, productIn } from '../../support/products.ts'
import { startTestSystem } from '../../support/system.ts'

async function shop(t: TestContext) {
  const system = await startTestSystem(t, { own: true })
  return { system, seller: await aSeller(system) }
}

test('a product is made, shown by id and by slug, edited, extended and archived', async (t) => {
  const { system, seller } = await shop(t)
  const [small, large] = [
    aVariant(),
    aVariant({ options: { color: 'red', size: 'L' }, price: 2_100 }),
  ]
  const made = await seller.call(
    'POST',
    '/api/products',
    aProduct({ title: 'Crème Shirt, No. 5', variants: [small, large] }),
  )
  assert.equal(made.status, 201)
  const product = productIn(made)
  assert.equal(made.headers.get('location'), `/api/products/${product.id}`)
  assert.equal(made.headers.get('etag'), '"1"')
  assert.equal(product.slug, 'creme-shirt-no-5')
  assert.deepEqual(product.variants, [
    { sku: small.sku, options: small.options, price: 1_900, currency: 'EUR', available: 5 },
    { sku: large.sku, options: large.options, price: 2_100, currency: 'EUR', available: 5 },
  ])

  for (const name of [product.id, product.slug]) {
    const shown = await system.call('GET', `/api/products/${name}`)
    assert.equal(shown.status, 200)
    assert.deepEqual(shown.body, made.body)
    assert.match(shown.headers.get('content-type') ?? '', /^application\/json/)
  }

  const edited = await seller.call('PATCH', `/api/products/${product.id}`, {
    title: 'Cream Shirt',
    variants: [{ sku: small.sku, price: 1_500, options: { color: 'cream', size: 'M' } }],
  })
  assert.equal(edited.status, 200)
  assert.equal(edited.headers.get('etag'), '"2"')
  assert.equal(productIn(edited).title, 'Cream Shirt')
  assert.equal(productIn(edited).slug, product.slug, 'links go on working')
  assert.equal(productIn(edited).variants[0]?.price, 1_500)
  assert.deepEqual(productIn(edited).variants[0]?.options, { color: 'cream', size: 'M' })
  assert.deepEqual((await system.call('GET', `/api/products/${product.slug}`)).body, edited.body)

  const third = aVariant({ options: { color: 'blue' } })
  const added = await seller.call('POST', `/api/products/${product.id}/variants`, third)
  assert.equal(added.status, 201)
  assert.deepEqual(
    productIn(added).variants.map(({ sku }) => sku),
    [small.sku, large.sku, third.sku],
  )

  assert.equal((await seller.call('DELETE', `/api/products/${product.id}`)).status, 204)
  for (const path of [
    `/api/products/${product.id}`,
    `/api/products/${product.slug}`,
    `/api/skus/${small.sku}`,
  ]) {
    assert.equal((await system.call('GET', path)).status, 404, path)
  }
  assert.equal((await seller.call('DELETE', `/api/products/${product.id}`)).status, 404)
  assert.equal(
    (await seller.call('PATCH', `/api/products/${product.id}`, { title: 'x' })).status,
    404,
  )
})

test('of two sellers each has only their own products', async (t) => {
  const { system, seller } = await shop(t)
  const other = await aSeller(system)
  const { id } = await seller.create()
  const path = `/api/products/${id}`
  assert.equal((await other.call('PATCH', path, { title: 'Mine' })).body.code, 'not_found')
  assert.equal((await other.call('DELETE', path)).status, 404)
  assert.equal((await other.call('POST', `${path}/variants`, aVariant())).status, 404)
  assert.equal((await system.call('GET', path)).body.title, 'Harbour Shirt')
})

test('only sellers sell', async (t) => {
  const { system, seller } = await shop(t)
  const { id } = await seller.create()
  const tries = [
    ['POST', '/api/products', aProduct()],
    ['PATCH', `/api/products/${id}`, { title: 'x' }],
    ['POST', `/api/products/${id}/variants`, aVariant()],
    ['DELETE', `/api/products/${id}`, undefined],
  ] as const
  for (const [method, path, body] of tries) {
    assert.equal((await system.call(method, path, { body })).status, 401)
    const buyer = await system.call(method, path, { body, buyer: newId() })
    assert.equal(buyer.status, 403)
  }
  const gone = await system.call('POST', '/api/products', {
    body: aProduct(),
    buyer: newId(),
    role: 'seller',
  })
  assert.equal(gone.status, 401, 'the account of the token is gone')
})

test('a SKU is taken once and for ever', async (t) => {
  const { seller } = await shop(t)
  const taken = aVariant()
  const { id } = await seller.create({ variants: [taken] })
  const again = await seller.call(
    'POST',
    '/api/products',
    aProduct({ variants: [aVariant(), taken] }),
  )
  assert.equal(again.status, 409)
  assert.equal(again.body.code, 'sku_taken')
  assert.equal(
    (await seller.call('POST', `/api/products/${id}/variants`, taken)).body.code,
    'sku_taken',
  )
  await seller.call('DELETE', `/api/products/${id}`)
  const later = await seller.call('POST', '/api/products', aProduct({ variants: [taken] }))
  assert.equal(later.body.code, 'sku_taken', 'also after the product is archived: orders name it')
})

test('of fifty sellers who want one SKU at once one gets it, and the others leave nothing', async (t) => {
  const { system, seller } = await shop(t)
  const wanted = aVariant()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      seller.call('POST', '/api/products', aProduct({ variants: [aVariant(), wanted] })),
    ),
  )
  const by = (status: number) => answers.filter((answer) => answer.status === status).length
  assert.deepEqual([by(201), by(409)], [1, 49])
  const { count } = await system.pool.one(
    sql.typeAlias('count')`select count(*) as count from products`,
  )
  assert.equal(count, 1)
})

test('an edit that has not seen the last one is stale and changes nothing', async (t) => {
  const { system, seller } = await shop(t)
  const { id } = await seller.create()
  const path = `/api/products/${id}`
  const edit = (title: string, ifMatch: string) =>
    seller.call('PATCH', path, { title }, { 'if-match': ifMatch })
  assert.equal((await edit('Second', '"1"')).status, 200)
  for (const stale of ['"1"', '"7", "1"', 'W/"2"', '"x"', '']) {
    const answer = await edit('Stale', stale)
    assert.equal(answer.status, 412, stale)
    assert.equal(answer.body.code, 'stale_version')
  }
  assert.equal((await system.call('GET', path)).body.title, 'Second')
  assert.equal((await edit('Third', '"9", "2"')).status, 200)
  assert.equal((await edit('Fourth', '*')).status, 200)
  const removed = await seller.call('DELETE', path, undefined, { 'if-match': '"1"' })
  assert.equal(removed.status, 412)
  const added = await seller.call('POST', `${path}/variants`, aVariant(), { 'if-match': '"1"' })
  assert.equal(added.status, 412)
})

test('of twenty edits of one version at once one wins', async (t) => {
  const { system, seller } = await shop(t)
  const { id } = await seller.create()
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      seller.call('PATCH', `/api/products/${id}`, { title: `Edit ${i}` }, { 'if-match': '"1"' }),
    ),
  )
  const won = answers.filter(({ status }) => status === 200)
  assert.equal(won.length, 1)
  assert.ok(answers.every(({ status }) => status === 200 || status === 412))
  const shown = await system.call('GET', `/api/products/${id}`)
  assert.equal(shown.body.title, won[0]?.body.title)
  assert.equal(shown.body.version, 2)
})

test('edits without If-Match all count', async (t) => {
  const { system, seller } = await shop(t)
  const variants = Array.from({ length: 10 }, () => aVariant())
  const { id } = await seller.create({ variants })
  await Promise.all(
    variants.map(({ sku }, i) =>
      seller.call('PATCH', `/api/products/${id}`, { variants: [{ sku, price: 5_000 + i }] }),
    ),
  )
  const shown = productIn(await system.call('GET', `/api/products/${id}`))
  assert.deepEqual(
    shown.variants.map(({ price }) => price),
    variants.map((_, i) => 5_000 + i),
  )
  assert.equal(shown.version, 11)
})

test('what was promised keeps its price, what comes after has the new one', async (t) => {
  const { system, seller } = await shop(t)
  const { sku } = aVariant()
  const { id } = await seller.create({ variants: [aVariant({ sku, price: 1_000 })] })
  const buyer = newId()
  const before = await system.place(buyer, [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(before.status, 201, JSON.stringify(before.body))
  assert.equal(before.body.total, 1_000)
  await seller.call('PATCH', `/api/products/${id}`, { variants: [{ sku, price: 3_000 }] })
  const after = await system.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal(after.body.total, 3_000)
  const kept = await system.call('GET', `/api/checkouts/${before.body.id}`, { buyer })
  assert.equal(kept.body.total, 1_000)
})

test('an archived product is sold to nobody any more', async (t) => {
  const { system, seller } = await shop(t)
  const { sku } = aVariant()
  const { id } = await seller.create({ variants: [aVariant({ sku })] })
  const items = [{ sku, quantity: 1 }]
  assert.equal((await system.place(newId(), items, { wait: 10 })).status, 201)
  await seller.call('DELETE', `/api/products/${id}`)
  const refused = await system.place(newId(), items, { wait: 10 })
  assert.equal(refused.status, 409, JSON.stringify(refused.body))
  await system.settledAt(sku, 4)
})

test('a gate follows an edit that happened while Redis was away', async (t) => {
  const { system, seller } = await shop(t)
  const { sku } = aVariant()
  const { id } = await seller.create({ variants: [aVariant({ sku, price: 1_000 })] })
  assert.equal((await system.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })).status, 201)
  await system.redisServer.kill('SIGKILL')
  const edited = await seller.call('PATCH', `/api/products/${id}`, {
    variants: [{ sku, price: 3_000 }],
  })
  assert.equal(edited.status, 200)
  assert.equal(productIn(edited).variants[0]?.price, 3_000)
  await system.redisServer.restart()
  await eventually(async () => {
    const placed = await system.place(newId(), [{ sku, quantity: 1 }], { wait: 5 })
    assert.equal(placed.body.total, 3_000, JSON.stringify(placed.body))
  })
})

test('bad products are refused by the name of what is bad, and leave nothing', async (t) => {
  const { system, seller } = await shop(t)
  const variant = (given: object) => ({ variants: [{ ...aVariant(), ...given }] })
  const bad: readonly (readonly [string, object])[] = [
    ['title', { title: '' }],
    ['title', { title: 'x'.repeat(201) }],
    ['title', { title: 'a\u0000b' }],
    ['title', { title: 'lone \ud800' }],
    ['category', { category: ' ' }],
    ['description', { description: 'x'.repeat(10_001) }],
    ['variants', { variants: [] }],
    ['variants', { variants: [aVariant({ sku: 'TWICE' }), aVariant({ sku: 'TWICE' })] }],
    ['variants', { variants: [aVariant(), aVariant({ currency: 'USD' })] }],
    ['variants.0.sku', variant({ sku: 'has space' })],
    ['variants.0.price', variant({ price: -1 })],
    ['variants.0.price', variant({ price: 1.5 })],
    ['variants.0.price', variant({ price: '5' })],
    ['variants.0.currency', variant({ currency: 'eur' })],
    ['variants.0.stock', variant({ stock: 10_000_001 })],
    ['variants.0.options', variant({ options: { 'a=b': 'c' } })],
    ['variants.0.options.color', variant({ options: { color: 5 } })],
    ['variants.0.seller', variant({ seller: 'me' })],
    ['sellerId', { sellerId: newId() }],
  ]
  for (const [path, given] of bad) {
    const answer = await seller.call('POST', '/api/products', { ...aProduct(), ...given })
    assert.equal(answer.status, 400, JSON.stringify([path, answer.body]))
    assert.ok(
      answer.body.errors.some((error) => error.path.startsWith(path)),
      JSON.stringify([path, answer.body.errors]),
    )
  }
  const { id, variants } = await seller.create()
  const other = await seller.create()
  const edits = [
    {},
    { stock: 5 },
    { variants: [{ sku: variants[0]?.sku, stock: 5 }] },
    { variants: [{ sku: other.variants[0]?.sku, price: 5 }] },
    { title: 'New', variants: [{ sku: 'NOWHERE', price: 5 }] },
  ]
  for (const body of edits) {
    const answer = await seller.call('PATCH', `/api/products/${id}`, body)
    assert.equal(answer.status, 400, JSON.stringify(body))
  }
  const dollars = await seller.call(
    'POST',
    `/api/products/${id}/variants`,
    aVariant({ currency: 'USD' }),
  )
  assert.equal(dollars.status, 400)
  const Left = z.object({ products: z.number(), version: z.number(), ledgers: z.number() })
  const left = await system.pool.one(sql.type(Left)`
    select (select count(*) from products) as products, (select max(version) from products) as version,
      (select count(*) from ledger) as ledgers`)
  assert.deepEqual(left, { products: 2, version: 1, ledgers: 2 })
})

test('names that are no names find nothing', async (t) => {
  const { system } = await shop(t)
  for (const name of [
    '%07',
    'nothing',
    newId(),
    newId().toUpperCase(),
    '%F0%9F%98%80',
    "'",
    '..%2f',
  ]) {
    const answer = await system.call('GET', `/api/products/${name}`)
    assert.equal(answer.status, 404, name)
    assert.equal(
      (await system.call('GET', `/api/products/${name}/recommendations`)).status,
      404,
      name,
    )
  }
})

test('products of one title have slugs of their own', async (t) => {
  const { seller } = await shop(t)
  const titles = ['Harbour Shirt', 'Harbour  shirt!', 'ハーバー', 'ハーバー', newId()]
  const made = await Promise.all(titles.map((title) => seller.create({ title })))
  assert.equal(new Set(made.map(({ slug }) => slug)).size, titles.length)
  for (const { slug } of made) assert.match(slug, /^[a-z0-9][a-z0-9-]*$/)
})
