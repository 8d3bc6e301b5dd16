// Lists of orders: newest first, page by page, complete and without repeats while orders come in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Role } from '../../../src/identity/permissions.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { type OrderSystem, startOrderSystem } from '../../support/orders.ts'

interface Page {
  readonly items: readonly { readonly id: string; readonly items: readonly { sku: string }[] }[]
  readonly nextCursor: string | null
}

async function page(
  shop: OrderSystem,
  who: { buyer: string; role?: Role },
  query = '',
): Promise<Page> {
  const { status, body } = await shop.call('GET', `/api/orders${query}`, who)
  assert.equal(status, 200, JSON.stringify(body))
  return JSON.parse(JSON.stringify(body))
}

async function everything(
  shop: OrderSystem,
  who: { buyer: string; role?: Role },
  between: () => Promise<unknown> = async () => {},
): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query: string = cursor === '' ? '?limit=3' : `?limit=3&cursor=${cursor}`
    const { items, nextCursor } = await page(shop, who, query)
    assert.ok(items.length <= 3)
    ids.push(...items.map(({ id }) => id))
    cursor = nextCursor
    await between()
  }
  return ids
}

test('a buyer pages through their orders, newest first, while new ones come in', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 100 })
  const buyer = newId()
  const placed: string[] = []
  const place = async () => {
    placed.unshift((await shop.buy(buyer, [{ sku, quantity: 1 }])).body.orderId as string)
  }
  for (let i = 0; i < 7; i++) await place()
  await shop.paid([{ sku, quantity: 1 }])
  const before = [...placed]
  assert.deepEqual(await everything(shop, { buyer }, place), before)
  assert.deepEqual((await everything(shop, { buyer })).length, placed.length)
  assert.deepEqual(await page(shop, { buyer: newId() }), { items: [], nextCursor: null })
  const full = await page(shop, { buyer }, '?limit=100')
  assert.deepEqual([full.items.length, full.nextCursor], [placed.length, null])
})

test('sellers list the paid orders with lines of theirs, admins all', async (t) => {
  const shop = await startOrderSystem(t, { own: true })
  const [one, two] = [await shop.addSeller(), await shop.addSeller()]
  const a = await shop.addSku({ seller: one, units: 50 })
  const b = await shop.addSku({ seller: two, units: 50 })
  const both = await shop.paid([
    { sku: a, quantity: 1 },
    { sku: b, quantity: 1 },
  ])
  const only = await shop.paid([{ sku: b, quantity: 1 }])
  const unpaid = await shop.reserveOf(a)
  await eventually(async () => {
    assert.deepEqual(await everything(shop, { buyer: one, role: 'seller' }), [both.id])
    assert.deepEqual(await everything(shop, { buyer: two, role: 'seller' }), [only.id, both.id])
  })
  const { items } = await page(shop, { buyer: one, role: 'seller' })
  assert.deepEqual(
    items.map((order) => order.items.map(({ sku }) => sku)),
    [[a]],
  )
  const all = await everything(shop, { buyer: newId(), role: 'admin' })
  assert.deepEqual(all, [unpaid.id, only.id, both.id])
})

test('bad limits and cursors are input errors', async (t) => {
  const shop = await startOrderSystem(t)
  const marks = [['x'], [1], [newId(), 'more'], {}].map((value) =>
    Buffer.from(JSON.stringify(value)).toString('base64url'),
  )
  const queries = [
    'limit=0',
    'limit=101',
    'limit=many',
    'cursor=%00',
    ...marks.map((m) => `cursor=${m}`),
  ]
  for (const path of ['orders', 'locations']) {
    for (const query of queries) {
      const who = { buyer: newId(), role: 'seller' } as const
      const answer = await shop.call('GET', `/api/${path}?${query}`, who)
      assert.deepEqual([answer.status, answer.body.code], [400, 'validation_failed'], query)
    }
  }
  assert.equal((await shop.call('GET', '/api/orders')).status, 401)
})
