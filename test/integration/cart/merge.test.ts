// Logging in with X-Cart-Id brings the guest's cart along: once, whatever is repeated, raced or cut short.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handOver, takeIn } from '../../../src/cart/cart-scripts.ts'
import type { Role } from '../../../src/identity/permissions.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { type Answer, startTestSystem, type TestSystem } from '../../support/system.ts'

const password = 'a-password-for-tests'

async function register(shop: TestSystem, role: Role = 'buyer', headers = {}) {
  const email = `${newId()}@example.com`
  const body = { email, password, name: 'Test', role }
  const answer = await shop.call('POST', '/api/auth/register', { body, headers })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return { email, id: (answer.body.user as { id: string }).id }
}

const login = (shop: TestSystem, email: string, cartId: string): Promise<Answer> =>
  shop.call('POST', '/api/auth/login', {
    body: { email, password },
    headers: { 'x-cart-id': cartId },
  })

const add = (shop: TestSystem, who: object, sku: string, quantity: number) =>
  shop.call('POST', '/api/cart/items', { ...who, body: { sku, quantity } })

async function lines(shop: TestSystem, who: object): Promise<Record<string, number>> {
  const { body } = await shop.call('GET', '/api/cart', who)
  return Object.fromEntries(body.items.map(({ sku, quantity }) => [sku, quantity]))
}

const guest = (id: string) => ({ headers: { 'x-cart-id': id } })

test('a guest’s lines are added to those of the account, once, and the guest’s cart is empty', async (t) => {
  const shop = await startTestSystem(t, { workers: 0, apis: 2 })
  const [mug, tee] = [await shop.addSku(), await shop.addSku()]
  const { email, id } = await register(shop)
  const cartId = newId()
  await add(shop, { buyer: id }, mug, 1)
  await add(shop, guest(cartId), mug, 2)
  await add(shop, guest(cartId), tee, 3)
  const logins = await Promise.all(Array.from({ length: 4 }, () => login(shop, email, cartId)))
  assert.deepEqual(
    logins.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  const merged = { [mug]: 3, [tee]: 3 }
  assert.deepEqual(await lines(shop, { buyer: id }), merged)
  assert.deepEqual(await lines(shop, guest(cartId)), {})
  await login(shop, email, cartId)
  assert.deepEqual(await lines(shop, { buyer: id }), merged)
})

test('whoever registers keeps what they had chosen as a guest', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, cartId] = [await shop.addSku(), newId()]
  await add(shop, guest(cartId), sku, 2)
  const { id } = await register(shop, 'buyer', { 'x-cart-id': cartId.toUpperCase() })
  assert.deepEqual(await lines(shop, { buyer: id }), { [sku]: 2 })
})

test('a merge that was cut short after either step is finished by the next log-in', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const sku = await shop.addSku()
  for (const steps of [1, 2]) {
    const { email, id } = await register(shop)
    const cartId = newId()
    const [cart, account] = [`{cart:guest:${cartId}}`, `{cart:account:${id}}`]
    await add(shop, guest(cartId), sku, 2)
    const parcel = await handOver(
      shop.redis,
      { cart, parcel: `${cart}:for:${id}` },
      { id: 'first', keptMs: 60_000 },
    )
    assert.deepEqual(parcel, { id: 'first', lines: [{ sku, quantity: 2 }] })
    if (steps === 2) {
      await takeIn(
        shop.redis,
        { cart: account, merged: `${account}:merged:first` },
        { ttlMs: 60_000, linesMax: 50, unitsMax: 10_000 },
        [sku, 2],
      )
    }
    // Meanwhile the guest goes on.
    await add(shop, guest(cartId), sku, 5)
    assert.equal((await login(shop, email, cartId)).status, 200)
    assert.deepEqual(await lines(shop, { buyer: id }), { [sku]: 7 })
    assert.deepEqual(await lines(shop, guest(cartId)), {})
  }
})

test('a cart goes to one account only, and keeps to its limits', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const skus = await Promise.all(Array.from({ length: 52 }, () => shop.addSku()))
  const [first = '', second = ''] = skus
  const [one, other] = [await register(shop), await register(shop)]
  const cartId = newId()
  for (const sku of skus.slice(0, 40)) await add(shop, guest(cartId), sku, 6_000)
  await add(shop, { buyer: one.id }, first, 6_000)
  for (const sku of skus.slice(40)) await add(shop, { buyer: one.id }, sku, 1)
  await Promise.all([login(shop, one.email, cartId), login(shop, other.email, cartId)])
  const [mine, theirs] = [
    await lines(shop, { buyer: one.id }),
    await lines(shop, { buyer: other.id }),
  ]
  const winner = Object.keys(theirs).length === 0 ? mine : theirs
  assert.equal(winner[second], 6_000)
  if (winner === mine) {
    assert.equal(mine[first], 10_000)
    assert.equal(Object.keys(mine).length, 50)
  } else {
    assert.equal(Object.keys(theirs).length, 40)
    assert.deepEqual([mine[first], Object.keys(mine).length], [6_000, 13])
  }
})

test('only buyers bring a cart along, and an id that is none is refused before anybody is let in', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, cartId] = [await shop.addSku(), newId()]
  await add(shop, guest(cartId), sku, 1)
  const seller = await register(shop, 'seller')
  assert.equal((await login(shop, seller.email, cartId)).status, 200)
  assert.deepEqual(await lines(shop, guest(cartId)), { [sku]: 1 })
  const { email } = await register(shop)
  assert.equal((await login(shop, email, 'nonsense')).status, 400)
})

test('a log-in does not fail because carts are away', async (t) => {
  const shop = await startTestSystem(t, { own: true, workers: 0 })
  const { email } = await register(shop)
  await shop.redisServer.stop()
  assert.equal((await login(shop, email, newId())).status, 200)
})
