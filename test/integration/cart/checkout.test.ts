// A checkout of the cart buys all of it or nothing; success empties the cart, once, and a retry finds it again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCarts } from '../../../src/cart/carts.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

const add = (shop: TestSystem, buyer: string, sku: string, quantity = 1) =>
  shop.call('POST', '/api/cart/items', { buyer, body: { sku, quantity } })

async function lines(shop: TestSystem, buyer: string): Promise<Record<string, number>> {
  const { body } = await shop.call('GET', '/api/cart', { buyer })
  return Object.fromEntries(body.items.map(({ sku, quantity }) => [sku, quantity]))
}

const checkout = (
  shop: TestSystem,
  buyer: string,
  {
    key = newId(),
    wait,
    body = { fromCart: true },
  }: { key?: string; wait?: number; body?: unknown },
) =>
  shop.call('POST', '/api/checkouts', {
    buyer,
    body,
    headers: { 'idempotency-key': key, ...(wait ? { prefer: `wait=${wait}` } : {}) },
  })

test('success empties the cart, and a retry finds the same checkout without emptying a new one', async (t) => {
  const shop = await startTestSystem(t)
  const skus = await Promise.all([100, 250, 375].map((price) => shop.addSku({ price, units: 4 })))
  // One line goes by the gate alone, several go by an assembly.
  for (const chosen of [skus.slice(0, 1), skus]) {
    const [buyer, key] = [newId(), newId()]
    for (const sku of chosen) await add(shop, buyer, sku, 2)
    const placed = await checkout(shop, buyer, { key, wait: 15 })
    assert.equal(placed.status, 201, JSON.stringify(placed.body))
    assert.deepEqual(
      placed.body.items.map(({ sku, quantity }) => [sku, quantity]),
      [...chosen].sort().map((sku) => [sku, 2]),
    )
    assert.deepEqual(await lines(shop, buyer), {})

    const replays = [await checkout(shop, buyer, { key })]
    await add(shop, buyer, skus[0] ?? '', 3)
    replays.push(await checkout(shop, buyer, { key }))
    for (const { status, headers, body } of replays) {
      assert.equal(status, 201)
      assert.equal(body.id, placed.body.id)
      assert.equal(headers.get('idempotency-replayed'), 'true')
    }
    assert.deepEqual(await lines(shop, buyer), { [skus[0] ?? '']: 3 })
    assert.equal(await shop.checkoutsOf(buyer), 1)
    // The key stands for the cart: with lines of its own it is another request.
    const items = chosen.map((sku) => ({ sku, quantity: 2 }))
    assert.equal((await checkout(shop, buyer, { key, body: { items } })).status, 422)
  }
})

test('prices are those of the sale, also when they change afterwards', async (t) => {
  const shop = await startTestSystem(t)
  const skus = await Promise.all([100, 250].map((price) => shop.addSku({ price })))
  const buyer = newId()
  for (const sku of skus) await add(shop, buyer, sku)
  const placed = await checkout(shop, buyer, { wait: 15 })
  await shop.pool.query(sql.typeAlias('none')`update variants set price = 9999`)
  const seen = await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
  assert.equal(seen.body.total, 350)
  assert.deepEqual(
    seen.body.items.map((item) => (item as { unitPrice?: number }).unitPrice).sort(),
    [100, 250],
  )
})

test('one key sent many times at once buys the cart once', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const skus = await Promise.all([1, 2].map(() => shop.addSku({ units: 50 })))
  for (const chosen of [skus.slice(0, 1), skus]) {
    const [buyer, key] = [newId(), newId()]
    for (const sku of chosen) await add(shop, buyer, sku, 2)
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => checkout(shop, buyer, { key, wait: 15 })),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
    assert.equal(await shop.checkoutsOf(buyer), 1)
    assert.deepEqual(await lines(shop, buyer), {})
  }
})

test('a line that has gone out of stock is named, the cart stays, and its key is free again', async (t) => {
  const shop = await startTestSystem(t)
  const kept = await shop.addSku({ sku: 'A-KEPT', units: 5 })
  const gone = await shop.addSku({ sku: 'B-GONE', units: 1 })
  const [buyer, key] = [newId(), newId()]
  await add(shop, buyer, kept, 2)
  await add(shop, buyer, gone, 1)
  await shop.place(newId(), [{ sku: gone, quantity: 1 }], { wait: 15 })
  const refused = await checkout(shop, buyer, { key, wait: 15 })
  assert.equal(refused.status, 409)
  assert.deepEqual([refused.body.code, refused.body.sku], ['sold_out', gone])
  assert.deepEqual(await lines(shop, buyer), { [kept]: 2, [gone]: 1 })
  await shop.settledAt(kept, 5)

  await shop.call('DELETE', `/api/cart/items/${gone}`, { buyer })
  const placed = await checkout(shop, buyer, { key, wait: 15 })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
  assert.deepEqual(placed.body.items, [{ sku: kept, quantity: 2 }])
  assert.deepEqual(await lines(shop, buyer), {})
})

test('what is added while a checkout is under way stays in the cart', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [mug, tee] = [await shop.addSku(), await shop.addSku()]
  const [buyer, key] = [newId(), newId()]
  const carts = createCarts({ redis: shop.redis, priced: async () => [] })
  await add(shop, buyer, mug, 2)
  const bought = await carts.freeze(buyer, key)
  assert.deepEqual(bought, [{ sku: mug, quantity: 2 }])
  await add(shop, buyer, mug, 1)
  await add(shop, buyer, tee, 4)
  assert.deepEqual(await carts.freeze(buyer, key), bought)
  await carts.take(buyer, key, bought ?? [])
  await carts.take(buyer, key, bought ?? [])
  assert.deepEqual(await lines(shop, buyer), { [mug]: 1, [tee]: 4 })
  // A parallel request that was refused lets go of what is bought already: nothing.
  await carts.letGo(buyer, key)
  await carts.take(buyer, key, bought ?? [])
  assert.deepEqual(await lines(shop, buyer), { [mug]: 1, [tee]: 4 })
})

test('a cart that was bought and not emptied, because the process died, is emptied by the retry', async (t) => {
  const shop = await startTestSystem(t)
  const [sku, buyer, key] = [await shop.addSku(), newId(), newId()]
  await add(shop, buyer, sku, 2)
  const carts = createCarts({ redis: shop.redis, priced: async () => [] })
  const frozen = await carts.freeze(buyer, key)
  const placed = await checkout(shop, buyer, { key, wait: 15 })
  assert.equal(placed.status, 201)
  // As it stood before the last step.
  const cart = `{cart:account:${buyer}}`
  await shop.redis.hdel(`${cart}:bought:${key}`, ':taken')
  await shop.redis.hset(cart, sku, 2)
  await add(shop, buyer, sku, 1)
  const replay = await checkout(shop, buyer, { key })
  assert.equal(replay.body.id, placed.body.id)
  assert.deepEqual(await lines(shop, buyer), { [sku]: 1 })
  assert.deepEqual(frozen, [{ sku, quantity: 2 }])
})

test('a retry finds its checkout also when Redis has lost the cart and all it knew of the key', async (t) => {
  const shop = await startTestSystem(t, { own: true })
  const [sku, buyer, key] = [await shop.addSku(), newId(), newId()]
  await add(shop, buyer, sku, 2)
  const placed = await checkout(shop, buyer, { key, wait: 15 })
  await eventually(() => shop.settledAt(sku, 8))
  await shop.redis.del(`{cart:account:${buyer}}:bought:${key}`)
  const replay = await checkout(shop, buyer, { key })
  assert.deepEqual([replay.status, replay.body.id], [201, placed.body.id])
  assert.equal((await checkout(shop, buyer, {})).status, 400)
})

test('an empty cart, both ways at once, and neither are refused', async (t) => {
  const shop = await startTestSystem(t, { workers: 0 })
  const [sku, buyer] = [await shop.addSku(), newId()]
  const empty = await checkout(shop, buyer, {})
  assert.equal(empty.status, 400)
  assert.equal(empty.body.errors[0]?.path, 'fromCart')
  const items = [{ sku, quantity: 1 }]
  const cases = [{}, { fromCart: false }, { fromCart: 'yes' }, { items, fromCart: true }]
  for (const body of cases) {
    const answer = await checkout(shop, buyer, { body })
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.ok(answer.body.errors.length > 0)
  }
  const keyless = await shop.call('POST', '/api/checkouts', { buyer, body: { fromCart: true } })
  assert.equal(keyless.body.code, 'idempotency_key_missing')
  const seller = { buyer, role: 'seller', body: { fromCart: true } } as const
  assert.equal((await shop.call('POST', '/api/checkouts', seller)).status, 403)
})

test('a cart whose parts are committed by two workers is decided, in a crowd as well as alone', async (t) => {
  const shop = await startTestSystem(t, { workers: 2 })
  const skus = await Promise.all(Array.from({ length: 5 }, () => shop.addSku({ units: 5_000 })))
  const buy = async () => {
    const buyer = newId()
    for (const sku of skus) await add(shop, buyer, sku)
    return checkout(shop, buyer, { wait: 15 })
  }
  assert.equal((await buy()).status, 201)
  const answers = await Promise.all(Array.from({ length: 30 }, buy))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
  for (const sku of skus) await shop.settledAt(sku, 5_000 - 31)
})
