// Carts on Redis Cluster: every command keeps to one slot, also a merge of two carts that lie apart; and a
// server that has forgotten the scripts is told them again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCarts } from '../../../src/cart/carts.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestRedis } from '../../support/stores.ts'

for (const cluster of [false, true]) {
  test(`carts live on ${cluster ? 'a cluster' : 'one server'}, in writes of many commands`, async (t) => {
    const server = await createTestRedis(t, { cluster })
    const url = cluster ? `${server.url},${server.url}` : server.url
    const redis = openRedis(url, 'carts', () => {})
    t.after(() => redis.disconnect())
    await eventually(() => redis.get('there'))
    const carts = createCarts({
      redis,
      priced: async (skus) =>
        skus.map((sku) => ({ sku, title: sku, price: 5, currency: 'EUR', available: 9 })),
    })
    for (const round of [1, 2]) {
      if (round === 2) await redis.script('FLUSH')
      const people = Array.from({ length: 20 }, () => ({ guest: newId(), buyer: newId() }))
      await Promise.all(
        people.flatMap(({ guest, buyer }) => [
          carts.add({ kind: 'guest', id: guest }, { sku: 'MUG', quantity: 1 }),
          carts.add({ kind: 'guest', id: guest }, { sku: 'TEE', quantity: 2 }),
          carts.add({ kind: 'account', id: buyer }, { sku: 'MUG', quantity: 4 }),
        ]),
      )
      await Promise.all(people.map(({ guest, buyer }) => carts.merge(guest, buyer)))
      for (const { buyer } of people) {
        const bought = await carts.freeze(buyer, 'key')
        assert.deepEqual(bought, [
          { sku: 'MUG', quantity: 5 },
          { sku: 'TEE', quantity: 2 },
        ])
        await carts.take(buyer, 'key', bought ?? [])
        assert.deepEqual((await carts.read({ kind: 'account', id: buyer })).items, [])
      }
    }
  })
}
