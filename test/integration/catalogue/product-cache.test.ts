// The cache of products: one read for all who ask, edits heard by every process, and nothing old kept after.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Product } from '../../../src/catalogue/product.ts'
import { ProductCache, productChanged } from '../../../src/catalogue/product-cache.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { eventually } from '../../support/eventually.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { aSeller, aVariant, productIn } from '../../support/products.ts'
import { createTestRedis } from '../../support/stores.ts'
import { startTestSystem } from '../../support/system.ts'

function version(id: string, number: number): Product {
  return {
    id,
    slug: `slug-${id}`,
    title: `Version ${number}`,
    description: '',
    category: 'things',
    version: number,
    createdAt: '2026-01-01T00:00:00.000Z',
    seller: { id: newId(), name: 'Sam' },
    images: [],
    variants: [],
  }
}

async function world(t: TestContext) {
  const server = await createTestRedis(t)
  const clock = manualClock()
  const redis = openRedis(server.url, 'gate', () => {})
  const subscriber = openRedis(server.url, 'subscriber', () => {})
  const id = newId()
  let stored: Product | null = version(id, 1)
  let reads = 0
  const held: (() => void)[] = []
  let holding = false
  const read = async () => {
    reads += 1
    const found = stored
    if (holding) await new Promise<void>((resolve) => held.push(resolve))
    return found
  }
  const caches: ProductCache[] = []
  const ends: (() => void)[] = []
  const open = () => {
    const cache = new ProductCache({ redis, clock, read })
    ends.push(cache.watch(subscriber))
    caches.push(cache)
    return cache
  }
  t.after(() => {
    for (const end of ends) end()
    redis.disconnect()
    subscriber.disconnect()
  })
  const cache = open()
  await eventually(() => redis.ping())
  const keeps = (which = cache) =>
    eventually(async () => {
      await which.get(id)
      return which.peek(id) !== undefined
    })
  await keeps()
  reads = 0
  return {
    server,
    clock,
    redis,
    cache,
    id,
    open,
    keeps,
    takenReads: () => {
      const before = reads
      reads = 0
      return before
    },
    edit: (to: Product | null) => {
      stored = to
    },
    hold: () => {
      holding = true
    },
    held: () => held.length,
    letGo: () => {
      holding = false
      for (const resolve of held.splice(0)) resolve()
    },
  }
}

test('however many ask for a product that is nowhere kept, it is read once', async (t) => {
  const { cache, id, redis, takenReads } = await world(t)
  await redis.flushall()
  cache.forget(id)
  const found = await Promise.all(Array.from({ length: 100 }, () => cache.get(id)))
  assert.equal(takenReads(), 1)
  assert.ok(found.every((product) => product?.version === 1))
  await cache.get(id)
  assert.ok(await cache.get(`slug-${id}`), 'by its slug as well')
  assert.equal(takenReads(), 0)
})

test('another process finds it in Redis', async (t) => {
  const { open, keeps, takenReads } = await world(t)
  await keeps(open())
  assert.equal(takenReads(), 0)
})

test('an edit is heard by every process', async (t) => {
  const { cache, id, open, keeps, redis, edit } = await world(t)
  const other = open()
  await keeps(other)
  edit(version(id, 2))
  await productChanged(redis, { id, version: 2 })
  for (const each of [cache, other]) {
    await eventually(async () => (await each.get(id))?.version === 2)
  }
})

test('what was read before an edit is not kept after it, however late it comes', async (t) => {
  const { cache, id, open, keeps, redis, edit, hold, held, letGo } = await world(t)
  await redis.flushall()
  cache.forget(id)
  hold()
  const late = cache.get(id)
  await eventually(() => held() === 1)
  edit(version(id, 2))
  await productChanged(redis, { id, version: 2 })
  cache.forget(id)
  letGo()
  assert.equal((await late)?.version, 1, 'who asked before the edit may get the old one')
  assert.equal((await cache.get(id))?.version, 2)
  const other = open()
  await keeps(other)
  assert.equal((await other.get(id))?.version, 2, 'the late one did not get into Redis')
})

test('without Redis nothing is kept and nothing fails', async (t) => {
  const { cache, id, server, edit } = await world(t)
  await server.kill('SIGKILL')
  await eventually(() => cache.peek(id) === undefined)
  assert.equal((await cache.get(id))?.version, 1)
  edit(version(id, 2))
  assert.equal((await cache.get(id))?.version, 2)
  edit(null)
  assert.equal(await cache.get(id), null)
})

test('what is kept in the process gets ten seconds old at most', async (t) => {
  const { cache, id, clock } = await world(t)
  clock.advance(9_999)
  assert.ok(cache.peek(id))
  clock.advance(1)
  assert.equal(cache.peek(id), undefined)
})

test('an edit at one API is seen at the other, and what is available gets no older than a second', async (t) => {
  const system = await startTestSystem(t, { apis: 2 })
  const seller = await aSeller(system)
  const { sku } = aVariant()
  const { id } = await seller.create({ variants: [aVariant({ sku, stock: 5 })] })
  const [, second = ''] = system.urls
  const at = async (url: string) =>
    productIn(await system.call('GET', `/api/products/${id}`, { url }))
  assert.equal((await at(second)).variants[0]?.available, 5)
  await seller.call('PATCH', `/api/products/${id}`, {
    title: 'New title',
    variants: [{ sku, price: 777 }],
  })
  const edited = await at(system.url)
  assert.equal(edited.title, 'New title', 'at once where it was edited')
  await eventually(async () => {
    const seen = await at(second)
    return seen.title === 'New title' && seen.variants[0]?.price === 777
  })
  assert.equal((await system.place(newId(), [{ sku, quantity: 2 }], { wait: 10 })).status, 201)
  await eventually(async () => (await at(second)).variants[0]?.available === 3, {
    timeoutMs: 2_000,
  })
  await seller.call('DELETE', `/api/products/${id}`)
  await eventually(
    async () => (await system.call('GET', `/api/products/${id}`, { url: second })).status === 404,
  )
})
