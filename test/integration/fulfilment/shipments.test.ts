// Paid orders become shipments by seller and location; parts go out before the rest; what is not shipped
// moves when a location does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { type OrderSystem, startOrderSystem } from '../../support/orders.ts'
import type { AnswerBody } from '../../support/system.ts'

interface LocationOptions {
  readonly name?: string
  readonly latitude?: number
  readonly longitude?: number
  readonly priority?: number
  readonly stock?: Readonly<Record<string, number>>
}

async function location(shop: OrderSystem, seller: string, options: LocationOptions = {}) {
  const { stock = {}, name = `At ${newId()}`, ...place } = options
  const who = { buyer: seller, role: 'seller' } as const
  const body = { name, ...place }
  const made = await shop.call('POST', '/api/locations', { ...who, body })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const path = `/api/locations/${made.body.id}`
  const items = Object.entries(stock).map(([sku, units]) => ({ sku, units }))
  if (items.length > 0) {
    const set = await shop.call('PUT', `${path}/stock`, { ...who, body: { items } })
    assert.equal(set.status, 200, JSON.stringify(set.body))
  }
  return {
    id: made.body.id,
    name,
    change: (body: object) => shop.call('PATCH', path, { ...who, body }),
    async stock(): Promise<Record<string, number>> {
      const rows = await shop.pool.any(sql.type(StockRow)`
        select sku, units from location_stock where location_id = ${made.body.id} order by sku`)
      return Object.fromEntries(rows.map(({ sku, units }) => [sku, units]))
    },
  }
}
const StockRow = z.object({ sku: z.string(), units: z.number() })

/** Where the units of an order are sent from, once that is decided. */
const sentFrom = (shop: OrderSystem, id: string, buyer: string, wanted: Record<string, object>) =>
  shop.seen(id, buyer, ({ shipments }) => {
    const live = shipments.filter(({ status }) => status !== 'cancelled')
    const from = live.map(({ location, items }) => [
      location ?? 'nowhere',
      Object.fromEntries(items.map(({ sku, quantity }) => [sku, quantity])),
    ])
    assert.equal(from.length, Object.keys(wanted).length)
    assert.deepEqual(Object.fromEntries(from), wanted)
  })

test('a paid order goes out from the nearest location that has all of it', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const [a, b] = [await shop.addSku({ seller }), await shop.addSku({ seller })]
  const berlin = { latitude: 52.5, longitude: 13.4 }
  const near = await location(shop, seller, { latitude: 51, longitude: 13, stock: { [a]: 5 } })
  const far = await location(shop, seller, {
    latitude: 40,
    longitude: -3,
    stock: { [a]: 5, [b]: 5 },
  })
  const one = await shop.paid([{ sku: a, quantity: 2 }], { shipTo: berlin })
  await sentFrom(shop, one.id, one.buyer, { [near.name]: { [a]: 2 } })
  const items = [
    { sku: a, quantity: 1 },
    { sku: b, quantity: 1 },
  ]
  const both = await shop.paid(items, { shipTo: berlin })
  await sentFrom(shop, both.id, both.buyer, { [far.name]: { [a]: 1, [b]: 1 } })
  assert.deepEqual(await near.stock(), { [a]: 3 })
  assert.deepEqual(await far.stock(), { [a]: 4, [b]: 4 })

  await shop.cancel(both.id, both.buyer)
  assert.deepEqual(await far.stock(), { [a]: 5, [b]: 5 })
})

test('each seller sends a parcel of their own, also without a location', async (t) => {
  const shop = await startOrderSystem(t)
  const [one, two] = [await shop.addSeller(), await shop.addSeller()]
  const [a, b] = [await shop.addSku({ seller: one }), await shop.addSku({ seller: two })]
  const from = await location(shop, one, { stock: { [a]: 9 } })
  const { id, buyer } = await shop.paid([
    { sku: a, quantity: 1 },
    { sku: b, quantity: 1 },
  ])
  await sentFrom(shop, id, buyer, { [from.name]: { [a]: 1 }, nowhere: { [b]: 1 } })
})

test('one unit of a location is promised to one shipment only', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller, units: 20 })
  const first = await location(shop, seller, { priority: 1, stock: { [sku]: 5 } })
  const second = await location(shop, seller, { priority: 2, stock: { [sku]: 5 } })
  const orders = await Promise.all(
    Array.from({ length: 12 }, () => shop.paid([{ sku, quantity: 1 }])),
  )
  const counts: Record<string, number> = {}
  for (const { id, buyer } of orders) {
    const { shipments } = await shop.seen(id, buyer, ({ shipments }) =>
      assert.equal(shipments.length, 1),
    )
    const from = shipments[0]?.location ?? 'nowhere'
    counts[from] = (counts[from] ?? 0) + 1
  }
  assert.deepEqual(counts, { [first.name]: 5, [second.name]: 5, nowhere: 2 })
})

test('a line in two parcels is shipped when both are, and the order cannot be cancelled after the first', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller })
  await location(shop, seller, { stock: { [sku]: 2 } })
  await location(shop, seller, { stock: { [sku]: 1 } })
  const { id, buyer } = await shop.paid([{ sku, quantity: 3 }])
  const { shipments } = await shop.seen(id, buyer, (order) =>
    assert.equal(order.shipments.length, 2),
  )
  const [one, two] = shipments.map((shipment) => shipment.id) as [string, string]
  assert.equal((await shop.ship(one, seller)).status, 409, 'not processed yet')
  await shop.move(id, seller, 'processing')
  assert.equal((await shop.ship(one, newId())).status, 404)
  const tracking = { status: 'shipped', tracking: 'TRACK 1' }
  const first = await shop.ship(one, seller, tracking)
  assert.deepEqual([first.status, first.body.status], [200, 'processing'])
  assert.equal(first.body.shipments.find((shipment) => shipment.id === one)?.tracking, 'TRACK 1')
  assert.deepEqual((await shop.ship(one, seller, tracking)).body, first.body, 'once')
  assert.equal((await shop.cancel(id, buyer)).status, 409)
  assert.equal((await shop.ship(two, seller, { status: 'delivered' })).status, 409)
  assert.equal((await shop.ship(two, seller)).body.status, 'shipped')
  assert.equal((await shop.ship(one, seller, { status: 'delivered' })).body.status, 'shipped')
  const last = await shop.move(id, seller, 'delivered')
  assert.deepEqual(await shop.audited(`order:${id}`), [
    'order.moved',
    'shipment.moved',
    'shipment.moved',
    'shipment.moved',
    'order.moved',
  ])
  assert.deepEqual([last.status, last.body.status], [200, 'delivered'])
  for (const { status } of last.body.shipments) assert.equal(status, 'delivered')
})

test('what is not shipped goes out from elsewhere when its location goes offline', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller, units: 20 })
  const first = await location(shop, seller, { priority: 1, stock: { [sku]: 9 } })
  const second = await location(shop, seller, { priority: 2, stock: { [sku]: 1 } })
  const [out, kept, left] = [
    await shop.paid([{ sku, quantity: 1 }]),
    await shop.paid([{ sku, quantity: 1 }]),
    await shop.paid([{ sku, quantity: 1 }]),
  ]
  for (const { id, buyer } of [out, kept, left]) {
    await sentFrom(shop, id, buyer, { [first.name]: { [sku]: 1 } })
  }
  await shop.move(out.id, seller, 'processing')
  await shop.move(out.id, seller, 'shipped')
  assert.equal((await first.change({ online: false })).status, 200)
  await sentFrom(shop, kept.id, kept.buyer, { [second.name]: { [sku]: 1 } })
  await sentFrom(shop, left.id, left.buyer, { nowhere: { [sku]: 1 } })
  await sentFrom(shop, out.id, out.buyer, { [first.name]: { [sku]: 1 } })
  assert.deepEqual(await first.stock(), { [sku]: 8 })

  assert.equal((await first.change({ online: true })).status, 200)
  await sentFrom(shop, left.id, left.buyer, { [first.name]: { [sku]: 1 } })
  assert.deepEqual(await first.stock(), { [sku]: 7 })
  assert.deepEqual(await shop.audited(`location:${first.id}`), [
    'location.created',
    'location.stocked',
    'location.changed',
    'location.changed',
  ])
})

test('a location of one seller moves no parcel of another', async (t) => {
  const shop = await startOrderSystem(t)
  const [seller, other] = [await shop.addSeller(), await shop.addSeller()]
  const [sku, foreign] = [await shop.addSku({ seller }), await shop.addSku({ seller: other })]
  const { id, buyer } = await shop.paid([
    { sku, quantity: 1 },
    { sku: foreign, quantity: 1 },
  ])
  const parcels = async () => {
    const { shipments } = (await shop.look(id, other, 'seller')).body
    return shipments.map((shipment) => shipment.id)
  }
  await shop.seen(id, buyer, ({ shipments }) => assert.equal(shipments.length, 2))
  const before = await parcels()
  assert.equal(before.length, 1)
  const here = await location(shop, seller, { stock: { [sku]: 1 } })
  await sentFrom(shop, id, buyer, { nowhere: { [foreign]: 1 }, [here.name]: { [sku]: 1 } })
  assert.deepEqual(await parcels(), before, 'which its seller may be printing a label for')
})

test('orders that are being paid while locations come and go are each planned exactly once', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller, units: 40 })
  const one = await location(shop, seller, { priority: 1, stock: { [sku]: 40 } })
  const two = await location(shop, seller, { priority: 2, stock: { [sku]: 40 } })
  await shop.paid([{ sku, quantity: 1 }])
  const paying = Promise.all(Array.from({ length: 20 }, () => shop.paid([{ sku, quantity: 1 }])))
  for (const online of [false, true, false, true, false]) await one.change({ online })
  const orders = await paying
  for (const { id, buyer } of orders) await sentFrom(shop, id, buyer, { [two.name]: { [sku]: 1 } })
  await eventually(async () => {
    assert.deepEqual(await one.stock(), { [sku]: 40 })
    assert.deepEqual(await two.stock(), { [sku]: 19 })
  })
})

test('locations are their seller’s own, and say what is wrong with them', async (t) => {
  const shop = await startOrderSystem(t)
  const [seller, other] = [await shop.addSeller(), await shop.addSeller()]
  const [sku, foreign] = [await shop.addSku({ seller }), await shop.addSku({ seller: other })]
  const own = await location(shop, seller, { stock: { [sku]: 3 } })
  const call = (method: string, path: string, body?: object, who = seller): Promise<AnswerBody> =>
    shop.call(method, path, { buyer: who, role: 'seller', body }).then((answer) => ({
      ...answer.body,
      answered: answer.status,
    }))
  const list = await call('GET', '/api/locations')
  assert.deepEqual(
    list.items.map((item) => JSON.parse(JSON.stringify(item))),
    [
      {
        id: own.id,
        name: own.name,
        latitude: null,
        longitude: null,
        priority: 100,
        online: true,
        stock: [{ sku, units: 3 }],
      },
    ],
  )
  assert.deepEqual((await call('GET', '/api/locations', undefined, other)).items, [])
  const path = `/api/locations/${own.id}`
  const cases: readonly [string, string, object, number, string?][] = [
    ['PATCH', path, { online: false }, 404, other],
    ['PUT', `${path}/stock`, { items: [{ sku, units: 1 }] }, 404, other],
    ['PUT', `${path}/stock`, { items: [{ sku: foreign, units: 1 }] }, 404],
    ['PUT', `${path}/stock`, { items: [{ sku, units: -1 }] }, 400],
    ['PUT', `${path}/stock`, { items: [] }, 400],
    ['PATCH', path, { latitude: 10 }, 400],
    ['PATCH', path, { sellerId: other }, 400],
    ['PATCH', '/api/locations/nothing', { online: false }, 404],
    ['POST', '/api/locations', { name: '' }, 400],
    ['POST', '/api/locations', { name: 'x', latitude: 10 }, 400],
    ['POST', '/api/locations', { name: 'x', latitude: 91, longitude: 0 }, 400],
    ['POST', '/api/locations', { name: 'a\u0000b' }, 400],
    ['PATCH', `/api/shipments/${newId()}`, { status: 'shipped' }, 404],
    ['PATCH', '/api/shipments/nothing', { status: 'shipped' }, 404],
  ]
  for (const [method, to, body, status, who] of cases) {
    const { answered } = await call(method, to, body, who)
    assert.equal(answered, status, `${method} ${to} ${JSON.stringify(body)}`)
  }
  assert.deepEqual(await own.stock(), { [sku]: 3 })
  for (const role of ['buyer', 'admin'] as const) {
    const answer = await shop.call('GET', '/api/locations', { buyer: seller, role })
    assert.equal(answer.status, 403)
  }
  for (let i = 0; i < 49; i++) await location(shop, seller)
  assert.equal((await call('POST', '/api/locations', { name: 'one too many' })).answered, 409)
})
