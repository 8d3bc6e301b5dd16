// Sellers see and move what is theirs: their lines, their sum, their parcels; the order follows the line
// that is least advanced.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { newId } from '../../../src/kernel/ids.ts'
import { startOrderSystem } from '../../support/orders.ts'

test('an order is moved line by line by the sellers of its lines, with who and when', async (t) => {
  const shop = await startOrderSystem(t)
  const [one, two] = [await shop.addSeller(), await shop.addSeller()]
  const [a, b] = [await shop.addSku({ seller: one }), await shop.addSku({ seller: two })]
  const { id, buyer } = await shop.paid([
    { sku: a, quantity: 1 },
    { sku: b, quantity: 2 },
  ])
  const steps = [
    [one, 'processing', 'paid'],
    [two, 'processing', 'processing'],
    [one, 'shipped', 'processing'],
    [one, 'delivered', 'processing'],
    [two, 'shipped', 'shipped'],
    [two, 'delivered', 'delivered'],
  ] as const
  for (const [seller, to, whole] of steps) {
    const { status, body } = await shop.move(id, seller, to)
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(
      body.items.map((item) => [item.sku, item.status]),
      [[seller === one ? a : b, to]],
    )
    assert.equal((await shop.look(id, buyer)).body.status, whole)
  }
  const { body } = await shop.look(id, buyer)
  const sent = body.shipments.flatMap(({ status, items }) => items.map((item) => [status, item]))
  assert.equal(sent.length, 2)
  for (const item of [
    { sku: a, quantity: 1 },
    { sku: b, quantity: 2 },
  ]) {
    assert.ok(sent.some((one) => isDeepStrictEqual(one, ['delivered', item])))
  }
  for (const { shippedAt, deliveredAt } of body.shipments) assert.ok(shippedAt && deliveredAt)
  const moves = body.history.filter(({ sku }) => sku !== null)
  assert.deepEqual(
    moves.map(({ sku, status, by, actorId }) => [sku, status, by, actorId]),
    steps.map(([seller, to]) => [seller === one ? a : b, to, 'seller', seller]),
  )
  const whole = body.history
    .filter(({ sku }) => sku === null)
    .map(({ from, status }) => [from, status])
  assert.deepEqual(whole, [
    [null, 'awaiting_payment'],
    ['awaiting_payment', 'paid'],
    ['paid', 'processing'],
    ['processing', 'shipped'],
    ['shipped', 'delivered'],
  ])
})

test('an illegal move is refused and moves nothing; a repeated one changes nothing', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller })
  const held = await shop.reserveOf(sku)
  const early = await shop.move(held.id, seller, 'processing')
  assert.deepEqual([early.status, early.body.code], [409, 'invalid_transition'])

  const { id, buyer } = await shop.paid([{ sku, quantity: 1 }])
  const refused = async (...moves: string[]) => {
    for (const to of moves) {
      const { status, body } = await shop.move(id, seller, to)
      assert.deepEqual([status, body.code], [409, 'invalid_transition'], to)
    }
  }
  await refused('shipped', 'delivered')
  assert.equal((await shop.move(id, seller, 'processing')).status, 200)
  const before = (await shop.look(id, buyer)).body.history.length
  assert.equal((await shop.move(id, seller, 'processing')).status, 200)
  assert.equal((await shop.look(id, buyer)).body.history.length, before)
  await refused('delivered')
  await shop.move(id, seller, 'shipped')
  await refused('processing')
  await shop.move(id, seller, 'delivered')
  await refused('processing', 'shipped')
  for (const status of ['paid', 'cancelled', 'refunded', '', null]) {
    const path = `/api/orders/${id}/status`
    const answer = await shop.call('PATCH', path, {
      buyer: seller,
      role: 'seller',
      body: { status },
    })
    assert.deepEqual([answer.status, answer.body.code], [400, 'validation_failed'])
  }
})

test('ten equal moves at once are one', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const { id, buyer } = await shop.paid([{ sku: await shop.addSku({ seller }), quantity: 1 }])
  for (const to of ['processing', 'shipped', 'delivered']) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => shop.move(id, seller, to)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  }
  const { body } = await shop.look(id, buyer)
  assert.equal(body.shipments.length, 1)
  assert.equal(body.history.length, 2 + 3 * 2)
})

test('a seller sees their lines with their sum, and nothing of the others', async (t) => {
  const shop = await startOrderSystem(t)
  const [one, two, stranger] = await Promise.all([1, 2, 3].map(() => shop.addSeller()))
  const a = await shop.addSku({ seller: one as string, price: 300 })
  const b = await shop.addSku({ seller: two as string, price: 5_000 })
  const { id, buyer } = await shop.paid([
    { sku: a, quantity: 2 },
    { sku: b, quantity: 1 },
  ])
  const own = (await shop.look(id, one as string, 'seller')).body
  assert.deepEqual([own.total, own.items.map(({ sku }) => sku)], [600, [a]])
  assert.deepEqual(own.payment, {
    ...{ status: 'paid', captured: null, refunded: null, card: null, refunds: [] },
  })
  assert.doesNotMatch(JSON.stringify(own), new RegExp(`${b}|5600|5000|${buyer}`))
  assert.equal((await shop.look(id, stranger as string, 'seller')).status, 404)
  assert.equal((await shop.move(id, stranger as string, 'processing')).status, 404)
  assert.equal((await shop.look(id, newId())).status, 404)
  const all = (await shop.look(id, newId(), 'admin')).body
  assert.deepEqual([all.total, all.items.length], [5_600, 2])
  for (const role of ['buyer', 'admin'] as const) {
    const path = `/api/orders/${id}/status`
    const answer = await shop.call('PATCH', path, { buyer, role, body: { status: 'processing' } })
    assert.equal(answer.status, 403)
  }
})

test('a seller who ships all of theirs ships no parcel of anybody else', async (t) => {
  const shop = await startOrderSystem(t)
  const [one, two] = [await shop.addSeller(), await shop.addSeller()]
  const [a, b] = [await shop.addSku({ seller: one }), await shop.addSku({ seller: two })]
  const { id, buyer } = await shop.paid([
    { sku: a, quantity: 1 },
    { sku: b, quantity: 1 },
  ])
  for (const [seller, to] of [
    [one, 'processing'],
    [two, 'processing'],
    [one, 'shipped'],
  ] as const) {
    assert.equal((await shop.move(id, seller, to)).status, 200)
  }
  const { shipments } = (await shop.look(id, buyer)).body
  assert.deepEqual(
    Object.fromEntries(shipments.map(({ items, status }) => [items[0]?.sku, status])),
    { [a]: 'shipped', [b]: 'planned' },
  )
})

test('the price of an order is that of its sale, whatever the catalogue says later', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ price: 700 })
  const { id, buyer } = await shop.paid([{ sku, quantity: 1 }])
  await shop.reprice(sku, 900)
  const { body } = await shop.look(id, buyer)
  assert.deepEqual([body.total, body.items[0]?.unitPrice], [700, 700])
})
