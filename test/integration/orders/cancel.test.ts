// Cancelling: any number of times, with the money and the units back exactly once, whoever else is at the
// order in the same moment.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { assertKept } from '../../support/guarantees.ts'
import { type OrderSystem, startOrderSystem } from '../../support/orders.ts'

const count = (shop: OrderSystem, what: 'refunds' | 'return' | 'mail', id: string) => {
  const query = {
    refunds: sql.type(Count)`select count(*) as count from refunds where checkout_id = ${id}`,
    return: sql.type(Count)`
      select count(*) as count from stock_commands where checkout_id = ${id} and kind = 'return'`,
    mail: sql.type(Count)`
      select count(*) as count from outbox where topic = 'order.cancelled' and key = ${id}`,
  }[what]
  return shop.pool.oneFirst(query)
}
const Count = z.object({ count: z.number() })

test('a paid order is cancelled, refunded, and its units are free again: once, however often it is asked', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 3, limit: 2 })
  const { buyer, id } = await shop.paid([{ sku, quantity: 2 }])
  await shop.settledAt(sku, 1)
  const answers = await Promise.all(Array.from({ length: 10 }, () => shop.cancel(id, buyer)))
  for (const { status, body } of answers) {
    assert.equal(status, 200, JSON.stringify(body))
    assert.ok(['cancelled', 'refunded'].includes(body.status))
    assert.deepEqual(
      body.items.map((item) => item.status),
      ['cancelled'],
    )
  }
  await shop.settledAt(sku, 3)
  assert.equal((await shop.ledgerOf(sku)).sold, 0)
  const order = await shop.seen(id, buyer, ({ status }) => assert.equal(status, 'refunded'))
  const card = { brand: 'visa', last4: '4242' }
  const { refunds, ...sums } = order.payment ?? { refunds: [] }
  assert.deepEqual(sums, { status: 'refunded', captured: 2_000, refunded: 2_000, card })
  assert.deepEqual(
    refunds.map(({ amount, reason, status }) => [amount, reason, status]),
    [[2_000, 'cancelled', 'succeeded']],
  )
  assert.deepEqual(
    order.history.map(({ status, by }) => [status, by]),
    [
      ['awaiting_payment', 'buyer'],
      ['paid', 'system'],
      ['cancelled', 'buyer'],
      ['refunded', 'system'],
    ],
  )
  assert.equal((await shop.cancel(id, buyer)).body.status, 'refunded')
  const { captured, refunded } = await shop.moneyOf(id)
  assert.deepEqual([captured, refunded], [2_000, 2_000])
  assert.equal(await count(shop, 'refunds', id), 1)
  assert.equal(await count(shop, 'return', id), 1)
  assert.equal(await count(shop, 'mail', id), 1)
  assert.deepEqual(await shop.audited(`order:${id}`), ['order.cancelled'])

  // The customer's limit is free again as well.
  const again = await shop.buy(buyer, [{ sku, quantity: 2 }], { paymentMethodId: 'pm_card_visa' })
  assert.equal(again.status, 201, JSON.stringify(again.body))
})

test('an order that is not paid is cancelled with its hold', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 2 })
  const buyer = newId()
  const placed = await shop.buy(buyer, [{ sku, quantity: 2 }])
  const id = placed.body.orderId as string
  for (let i = 0; i < 3; i++) {
    const { status, body } = await shop.cancel(id, buyer)
    assert.deepEqual([status, body.status, body.payment], [200, 'cancelled', null])
    assert.deepEqual([body.history.at(-1)?.by, body.history.length], ['buyer', 2])
  }
  await shop.settledAt(sku, 2)
  const { body } = await shop.call('GET', `/api/checkouts/${id}`, { buyer })
  assert.equal(body.status, 'cancelled')
  assert.equal((await shop.confirm({ buyer, id, sku })).status, 409)
})

test('an order whose payment waits at the bank is cancelled, and nothing is charged for it', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 2 })
  const bought = await shop.reserveOf(sku, { quantity: 2 })
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  // Its checkout is not given back: that is for what is not being paid.
  const { status } = await shop.call('DELETE', `/api/checkouts/${bought.id}`, bought)
  assert.equal(status, 409)
  const answer = await shop.cancel(bought.id, bought.buyer)
  assert.deepEqual([answer.status, answer.body.status], [200, 'cancelled'])
  await shop.settledAt(sku, 2)
  await eventually(async () => {
    const { captured, statuses } = await shop.moneyOf(bought.id)
    assert.deepEqual([captured, statuses], [0, ['canceled']])
  })
  await assertKept(shop)
})

test('what the bank had allowed when its order was cancelled comes back', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 1 })
  const bought = await shop.reserveOf(sku)
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  // No webhook tells the shop of it.
  const intent = await shop.intentOf(bought.id)
  await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, {
    outcome: 'succeed',
  })
  assert.equal((await shop.cancel(bought.id, bought.buyer)).status, 200)
  await shop.settledAt(sku, 1)
  await eventually(async () => {
    const { captured, refunded } = await shop.moneyOf(bought.id)
    assert.deepEqual([captured, refunded], [1_000, 1_000])
  })
  await assertKept(shop)
})

test('an order that was free of charge is cancelled without a refund', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 1, price: 0 })
  const { buyer, id } = await shop.paid([{ sku, quantity: 1 }])
  assert.equal((await shop.cancel(id, buyer)).body.status, 'cancelled')
  await shop.settledAt(sku, 1)
  assert.equal(await count(shop, 'refunds', id), 0)
})

test('cancel and payment race: either nothing is charged, or all of it comes back', async (t) => {
  const shop = await startOrderSystem(t)
  const sku = await shop.addSku({ units: 20 })
  const held = await Promise.all(Array.from({ length: 20 }, () => shop.reserveOf(sku)))
  await shop.simulator.script('PUT', 'faults', { latency: { minMs: 0, maxMs: 30 } })
  await Promise.all(
    held.flatMap((bought) => [shop.confirm(bought), shop.cancel(bought.id, bought.buyer)]),
  )
  // Who was told 409 while being paid asks again, and is then heard.
  for (const { id, buyer } of held) {
    const { status, body } = await shop.cancel(id, buyer)
    assert.equal(status, 200, JSON.stringify(body))
  }
  await shop.settledAt(sku, 20)
  for (const { id, buyer } of held) {
    await shop.seen(id, buyer, ({ payment, status }) => {
      assert.equal(status, payment?.captured ? 'refunded' : 'cancelled')
    })
    const { captured, refunded } = await shop.moneyOf(id)
    assert.equal(captured, refunded)
  }
  await assertKept(shop)
})

test('cancel and the seller shipping race: one of them wins, and the other is told so', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ units: 12, seller })
  for (let i = 0; i < 12; i++) {
    const { id, buyer } = await shop.paid([{ sku, quantity: 1 }])
    assert.equal((await shop.move(id, seller, 'processing')).status, 200)
    const [cancelled, shipped] = await Promise.all([
      shop.cancel(id, buyer),
      shop.move(id, seller, 'shipped'),
    ])
    assert.deepEqual([cancelled.status, shipped.status].sort(), [200, 409])
    const { body } = await shop.look(id, buyer)
    if (shipped.status === 200) assert.equal(body.status, 'shipped')
    else assert.ok(['cancelled', 'refunded'].includes(body.status))
    assert.equal(await count(shop, 'refunds', id), shipped.status === 200 ? 0 : 1)
  }
  await assertKept(shop)
})

test('once a line is on its way, nothing of the order can be cancelled', async (t) => {
  const shop = await startOrderSystem(t)
  const [seller, other] = [await shop.addSeller(), await shop.addSeller()]
  const items = [
    { sku: await shop.addSku({ seller }), quantity: 1 },
    { sku: await shop.addSku({ seller: other }), quantity: 1 },
  ]
  const { id, buyer } = await shop.paid(items)
  await shop.move(id, seller, 'processing')
  await shop.move(id, seller, 'shipped')
  const refused = await shop.cancel(id, buyer)
  assert.deepEqual([refused.status, refused.body.code], [409, 'invalid_transition'])
  const { body } = await shop.look(id, buyer)
  assert.equal(body.status, 'paid', 'as far as the line that is least advanced')
  assert.equal(await count(shop, 'refunds', id), 0)
})

test('a cancelled order is neither paid nor moved any more', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller })
  const { id, buyer } = await shop.paid([{ sku, quantity: 1 }])
  await shop.cancel(id, buyer)
  const moved = await shop.move(id, seller, 'processing')
  assert.deepEqual([moved.status, moved.body.code], [409, 'invalid_transition'])
  await shop.seen(id, buyer, ({ shipments }) => {
    for (const { status } of shipments) assert.equal(status, 'cancelled')
  })
})

test('an expired order cannot be cancelled, and stays as it is', async (t) => {
  const shop = await startOrderSystem(t, { settings: { SWEEP_SECONDS: '1' } })
  const sku = await shop.addSku({ units: 1 })
  const { id, buyer } = await shop.reserveOf(sku)
  await shop.expireIn(id, -1)
  await shop.seen(id, buyer, ({ status }) => assert.equal(status, 'expired'))
  const { status, body } = await shop.cancel(id, buyer)
  assert.deepEqual([status, body.code], [409, 'invalid_transition'])
  await shop.settledAt(sku, 1)
})

test('only its buyer cancels an order', async (t) => {
  const shop = await startOrderSystem(t)
  const seller = await shop.addSeller()
  const sku = await shop.addSku({ seller })
  const { id } = await shop.paid([{ sku, quantity: 1 }])
  const put = (buyer?: string, role: 'buyer' | 'seller' | 'admin' = 'buyer') =>
    shop.call('PUT', `/api/orders/${id}/cancel`, { ...(buyer ? { buyer } : {}), role })
  assert.equal((await put()).status, 401)
  assert.equal((await put(newId())).status, 404)
  assert.equal((await put(seller, 'seller')).status, 403)
  assert.equal((await put(newId(), 'admin')).status, 403)
  for (const wrong of [newId(), 'nothing', `${id}x`]) {
    const answer = await shop.call('PUT', `/api/orders/${wrong}/cancel`, { buyer: newId() })
    assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'])
  }
})
