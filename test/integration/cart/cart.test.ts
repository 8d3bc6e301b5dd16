// A cart over HTTP: one for each account on all its devices, one for each guest, and none for anybody else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCarts } from '../../../src/cart/carts.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { type CallOptions, startTestSystem, type TestSystem } from '../../support/system.ts'

type Who = Pick<CallOptions, 'buyer' | 'role' | 'headers' | 'url'>

const guest = (id = newId()): Who => ({ headers: { 'x-cart-id': id } })

function cartOf(shop: TestSystem, who: Who) {
  return {
    read: () => shop.call('GET', '/api/cart', who),
    add: (sku: unknown, quantity: unknown = 1) =>
      shop.call('POST', '/api/cart/items', { ...who, body: { sku, quantity } }),
    set: (sku: string, quantity: unknown) =>
      shop.call('PATCH', `/api/cart/items/${sku}`, { ...who, body: { quantity } }),
    remove: (sku: string) => shop.call('DELETE', `/api/cart/items/${sku}`, who),
    clear: () => shop.call('DELETE', '/api/cart', who),
    async lines() {
      const { body } = await shop.call('GET', '/api/cart', who)
      return Object.fromEntries(body.items.map(({ sku, quantity }) => [sku, quantity]))
    },
  }
}

test('a cart tells its lines with prices and availability, its total, and when it ends', async (t) => {
  const shop = await startTestSystem(t)
  const [mug, tee] = [
    await shop.addSku({ price: 1_450, units: 7 }),
    await shop.addSku({ price: 4_900, units: 0 }),
  ]
  for (const who of [{ buyer: newId() }, guest()]) {
    const cart = cartOf(shop, who)
    assert.deepEqual((await cart.read()).body, {
      items: [],
      total: 0,
      currency: null,
      expiresAt: null,
    })
    await cart.add(mug, 2)
    const before = Date.parse(String((await cart.read()).body.expiresAt))
    const { status, body } = await cart.add(tee, 1)
    assert.equal(status, 200)
    const { expiresAt, ...rest } = body
    assert.deepEqual(rest, {
      items: [
        { sku: mug, title: `Product ${mug}`, quantity: 2, price: 1_450, available: 7 },
        // A cart may hold more than there is: the checkout decides.
        { sku: tee, title: `Product ${tee}`, quantity: 1, price: 4_900, available: 0 },
      ],
      total: 2 * 1_450 + 4_900,
      currency: 'EUR',
    })
    assert.ok(Date.parse(String(expiresAt)) >= before, 'looking at a cart prolongs it')
    assert.equal((await cart.set(mug, 5)).body.total, 5 * 1_450 + 4_900)
    assert.deepEqual((await cart.remove(tee)).body.items.length, 1)
    assert.equal((await cart.remove(tee)).status, 200)
    assert.deepEqual((await cart.clear()).body.items, [])
    assert.equal((await cart.clear()).status, 200)
  }
})

test('devices that write at once lose nothing, and see one cart', async (t) => {
  const shop = await startTestSystem(t, { apis: 2, workers: 0 })
  const skus = await Promise.all(
    ['A', 'B', 'C'].map((name) => shop.addSku({ sku: `SAME-${name}` })),
  )
  const buyer = newId()
  const devices = shop.urls.map((url) => cartOf(shop, { buyer, url }))
  await Promise.all(
    Array.from({ length: 90 }, (_, i) => devices[i % 2]?.add(skus[i % 3], 1 + (i % 3))),
  )
  const wanted = { 'SAME-A': 30, 'SAME-B': 60, 'SAME-C': 90 }
  for (const device of devices) assert.deepEqual(await device.lines(), wanted)
})

test('a cart has fifty lines and a line ten thousand units, also when many add at once', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const skus = await Promise.all(Array.from({ length: 54 }, () => shop.addSku()))
  const cart = cartOf(shop, guest())
  const answers = await Promise.all(skus.map((sku) => cart.add(sku)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 50)
  const full = answers.filter(({ status }) => status === 400)
  assert.equal(full.length, 4)
  assert.equal(full[0]?.body.errors[0]?.path, 'sku')
  const inside = (await cart.read()).body.items
  assert.equal(inside.length, 50)
  const sku = inside[0]?.sku ?? ''
  assert.equal((await cart.set(sku, 9_999)).status, 200)
  const adds = await Promise.all([cart.add(sku), cart.add(sku), cart.add(sku)])
  assert.deepEqual(adds.map(({ status }) => status).sort(), [200, 400, 400])
  assert.equal(adds.find(({ status }) => status === 400)?.body.errors[0]?.path, 'quantity')
  assert.equal((await cart.lines())[sku], 10_000)
})

test('prices are those of the moment, and what is not sold any more leaves the cart', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [kept, gone] = [await shop.addSku({ price: 100 }), await shop.addSku({ price: 200 })]
  const dollar = await shop.addSku({ price: 300, currency: 'USD' })
  const cart = cartOf(shop, { buyer: newId() })
  for (const sku of [kept, gone, dollar]) await cart.add(sku)
  const { total, currency } = (await cart.read()).body
  assert.deepEqual({ total, currency }, { total: null, currency: null })
  await cart.remove(dollar)
  await shop.pool.query(sql.typeAlias('none')`update variants set price = 150 where sku = ${kept}`)
  await shop.pool.query(sql.typeAlias('none')`
    update variants set archived_at = now() where sku = ${gone}`)
  await eventually(async () => {
    const { body } = await cart.read()
    assert.deepEqual([body.total, body.items.map(({ sku }) => sku)], [150, [kept]])
  })
  assert.equal((await cart.add(gone)).status, 404)
  assert.equal((await cart.set(gone, 1)).status, 404)
})

test('nobody reaches the cart of somebody else', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, buyer] = [await shop.addSku(), newId()]
  await cartOf(shop, { buyer }).add(sku, 3)
  // A guest may name any UUID; that of an account is then a guest's cart like any other.
  assert.deepEqual(await cartOf(shop, guest(buyer)).lines(), {})
  assert.deepEqual(await cartOf(shop, guest()).lines(), {})
  assert.deepEqual(await cartOf(shop, { buyer: newId() }).lines(), {})
  // With both, the account counts.
  assert.deepEqual(await cartOf(shop, { buyer, ...guest() }).lines(), { [sku]: 3 })
  const upper = newId()
  await cartOf(shop, guest(upper)).add(sku)
  assert.deepEqual(await cartOf(shop, guest(upper.toUpperCase())).lines(), { [sku]: 1 })

  for (const role of ['seller', 'admin'] as const) {
    assert.equal((await cartOf(shop, { buyer, role, ...guest() }).read()).status, 403)
  }
  assert.equal((await cartOf(shop, {}).read()).status, 401)
  const stale = { headers: { 'x-cart-id': newId(), authorization: 'Bearer nonsense' } }
  assert.equal((await cartOf(shop, stale).read()).status, 401)
})

test('what no cart can mean is refused and changes nothing', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, buyer] = [await shop.addSku(), newId()]
  const cart = cartOf(shop, { buyer })
  await cart.add(sku, 2)
  for (const quantity of [0, -1, 1.5, 10_001, '1', null, 1e300]) {
    assert.equal((await cart.add(sku, quantity)).status, 400, String(quantity))
    assert.equal((await cart.set(sku, quantity)).status, 400, String(quantity))
  }
  for (const bad of ['', ' ', 'a b', 'x'.repeat(65), '\u0000', 'ünï', 7, null, [], {}]) {
    assert.equal((await cart.add(bad)).status, 400, JSON.stringify(bad))
  }
  const post = (raw: string) => shop.call('POST', '/api/cart/items', { buyer, raw })
  for (const raw of [
    '',
    '[]',
    'null',
    '{',
    `{"sku":"${sku}"}`,
    `{"sku":"${sku}","quantity":1,"price":1}`,
  ]) {
    assert.equal((await post(raw)).status, 400, raw)
  }
  assert.equal((await cart.add('NOT-THERE')).status, 404)
  assert.equal((await cart.set('NOT-THERE', 1)).status, 404)
  assert.equal((await cart.remove('NOT-THERE')).status, 200)
  const other = { buyer, body: { sku: 'OTHER', quantity: 1 } }
  assert.equal((await shop.call('PATCH', `/api/cart/items/${sku}`, other)).status, 400)
  for (const id of ['1', 'guest', `${newId()}0`, '00000000-0000-0000-0000-000000000000', '*']) {
    const answer = await cartOf(shop, guest(id)).read()
    assert.equal(answer.status, 400, id)
    assert.equal(answer.body.errors[0]?.path, 'x-cart-id')
  }
  assert.deepEqual(await cart.lines(), { [sku]: 2 })
})

test('a cart that nobody looks at is forgotten, and one that is looked at is kept', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, buyer] = [await shop.addSku(), newId()]
  const ttlOf = () => shop.redis.pttl(`{cart:account:${buyer}}`)
  await cartOf(shop, { buyer }).add(sku)
  const days = 86_400_000
  assert.ok((await ttlOf()) > 29.9 * days && (await ttlOf()) <= 30 * days)
  await shop.redis.pexpire(`{cart:account:${buyer}}`, 60_000)
  await cartOf(shop, { buyer }).read()
  assert.ok((await ttlOf()) > 29.9 * days)

  const carts = createCarts({
    redis: shop.redis,
    priced: async (skus) =>
      skus.map((each) => ({ sku: each, title: '', price: 1, currency: 'EUR', available: 1 })),
    ttlMs: 50,
  })
  const owner = { kind: 'guest', id: newId() } as const
  await carts.add(owner, { sku, quantity: 1 })
  // Reading would prolong it.
  await eventually(async () => (await shop.redis.exists(`{cart:guest:${owner.id}}`)) === 0)
  assert.deepEqual((await carts.read(owner)).items, [])
})
