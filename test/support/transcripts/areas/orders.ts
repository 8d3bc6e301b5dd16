/** Orders: placed in one call, and looked at by all who have a part in them. */
import assert from 'node:assert/strict'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

export async function orders(stage: Stage): Promise<void> {
  const lena = await stage.person('lena', 'buyer')
  const weaver = await stage.person('weaver', 'seller')
  await stage.onSale({ 'ORD-RUG': 20, 'ORD-ONE': 1 })
  await stage.onSale({ 'ORD-CLOTH': 20 }, { as: weaver })
  await placing(stage, lena)
  await failing(stage, lena)
  await fromTheCart(stage, lena)
  await badRequests(stage, lena)
  await looking(stage, lena, weaver)
  await givingUp(stage, lena)
  await givingBack(stage, lena, weaver)
}

const key = () => ({ 'idempotency-key': newId() })

const rug = { items: [{ sku: 'ORD-RUG', quantity: 1 }] }
const visa = { paymentMethodId: 'pm_card_visa' }

function orderAs({ play }: Stage, as: Person) {
  return (title: string, body: unknown, headers: Readonly<Record<string, string>> = key()) =>
    play(title, 'POST /api/orders', { as, body, headers })
}

async function placing(stage: Stage, as: Person): Promise<void> {
  const order = orderAs(stage, as)
  const headers = key()
  const { body } = await order('Lena orders and pays', { ...rug, ...visa }, headers)
  await order('The same key and body', { ...rug, ...visa }, headers)
  await order(
    'The same key and another body',
    { items: [{ sku: 'ORD-RUG', quantity: 2 }] },
    headers,
  )
  await stage.play('The checkout of the order', `GET /api/checkouts/${body.orderId}`, { as })
  const later = await order('Lena orders, and pays later', {
    items: [{ sku: 'ORD-RUG', quantity: 2 }],
    shipTo: { latitude: 48.1, longitude: 11.6 },
  })
  const id = later.body.orderId
  await stage.play('It waits for the payment', `GET /api/orders/${id}`, { as })
  await stage.play('Lena pays', `POST /api/checkouts/${id}/confirm`, { as, body: visa })
  await order('The bank wants to ask Lena', {
    ...rug,
    paymentMethodId: 'pm_card_authenticationRequired',
  })
}

async function failing(stage: Stage, as: Person): Promise<void> {
  const order = orderAs(stage, as)
  const headers = key()
  const declined = { ...rug, paymentMethodId: 'pm_card_chargeDeclined' }
  await order('The bank says no', declined, headers)
  await order('The same key gets the same answer', declined, headers)
  await order('The provider does not know the method', { ...rug, paymentMethodId: 'pm_unknown' })
  await order('More than there is', { items: [{ sku: 'ORD-ONE', quantity: 2 }], ...visa })
  await order('No such SKU', { items: [{ sku: 'ORD-NONE', quantity: 1 }], ...visa })
}

async function fromTheCart(stage: Stage, as: Person): Promise<void> {
  const order = orderAs(stage, as)
  const headers = key()
  await order('The cart is empty', { fromCart: true, ...visa }, headers)
  await stage.send('POST /api/cart/items', { as, body: { sku: 'ORD-RUG', quantity: 1 } })
  await order('What is in the cart', { fromCart: true, ...visa }, headers)
  await order('The same key again', { fromCart: true, ...visa }, headers)
  await stage.play('The cart is empty now', 'GET /api/cart', { as })
}

async function badRequests(stage: Stage, as: Person): Promise<void> {
  const order = orderAs(stage, as)
  await order('No key', rug, {})
  await order('All that can be wrong', {
    ...{ items: [{ sku: '', quantity: 0 }], paymentMethodId: 'x y', price: 1 },
    shipTo: { latitude: 91, longitude: 'east' },
  })
  await order('Nothing', {})
  await stage.play('Nobody', 'POST /api/orders', { body: rug, headers: key() })
  await stage.play('A seller', 'POST /api/orders', { as: stage.seller, body: rug, headers: key() })
}

async function looking(stage: Stage, as: Person, weaver: Person): Promise<void> {
  const { play, seller, admin } = stage
  const id = await stage.paid(as, [
    { sku: 'ORD-CLOTH', quantity: 2 },
    { sku: 'ORD-RUG', quantity: 1 },
  ])
  const path = `/api/orders/${id}`
  const sent = ({ body }: { readonly body: Readonly<Record<string, unknown>> }) =>
    Array.isArray(body.shipments) && body.shipments.length === 2
  await stage.until('Two sellers send it', `GET ${path}`, { as, without: ['shipments'] }, sent)
  await play('A seller sees the own lines', `GET ${path}`, { as: weaver })
  await play('The other seller sees the others', `GET ${path}`, { as: seller })
  await play('An admin sees all', `GET ${path}`, { as: admin, without: ['shipments'] })
  await play('Another buyer sees nothing', `GET ${path}`, {
    as: await stage.person('max', 'buyer'),
  })
  await play('Nobody sees nothing', `GET ${path}`)
  await play('No such order', `GET /api/orders/${newId()}`, { as })
  await play('An id that is none', 'GET /api/orders/x', { as })
  await play('The orders of a seller', 'GET /api/orders', { as: weaver })
  await play('The newest order of the shop', 'GET /api/orders?limit=1', {
    as: admin,
    without: ['shipments'],
  })
  const { body } = await play('The first page', 'GET /api/orders?limit=2', {
    as,
    without: ['shipments'],
  })
  assert.ok(body.nextCursor)
  await play('The second page', `GET /api/orders?limit=2&cursor=${body.nextCursor}`, {
    as,
    without: ['shipments'],
  })
  await play('A cursor that is none', 'GET /api/orders?cursor=nonsense', { as })
  await play('A page that is too long', 'GET /api/orders?limit=101', { as })
  await play('Nobody has no orders', 'GET /api/orders')
}

async function givingUp(stage: Stage, as: Person): Promise<void> {
  const { play, seller } = stage
  const id = await stage.reserved(as, rug.items)
  const cancel = (title: string, order: string, who: Person | null = as) =>
    play(title, `PUT /api/orders/${order}/cancel`, who ? { as: who } : {})
  await cancel('Nobody cancels', id, null)
  await cancel('A seller does not', id, seller)
  await cancel('Another buyer does not', id, await stage.person('nora', 'buyer'))
  await cancel('Lena gives up what is not paid', id)
  await cancel('And once more', id)
  await play('Its checkout', `GET /api/checkouts/${id}`, { as })
  await cancel('No such order', newId())
  await cancel('An id that is none', 'x')
}

async function givingBack(stage: Stage, as: Person, weaver: Person): Promise<void> {
  const { play, seller } = stage
  const id = await stage.paid(as, [
    { sku: 'ORD-CLOTH', quantity: 2 },
    { sku: 'ORD-RUG', quantity: 1 },
  ])
  const refund = (
    title: string,
    body: object,
    { who = weaver, headers = key(), order = id, without = [] }: RefundCall = {},
  ) =>
    play(title, `POST /api/orders/${order}/refunds`, {
      ...(who ? { as: who } : {}),
      ...{ headers, without, body: { restock: false, reason: 'torn', ...body } },
    })
  const headers = key()
  const one = { lines: [{ sku: 'ORD-CLOTH', quantity: 1 }] }
  await refund('A seller gives the money of one piece back', one, { headers })
  // The provider may have carried it out by now.
  await refund('The same key and body', one, { headers, without: ['status'] })
  await refund('The same key and another body', { amount: 1 }, { headers })
  await refund('More pieces than are left', { lines: [{ sku: 'ORD-CLOTH', quantity: 2 }] })
  await refund('The line of another seller', { lines: [{ sku: 'ORD-RUG', quantity: 1 }] })
  await refund('A part of the money, and no units named', { amount: 1, restock: true })
  await refund('All that is left of another seller’s', {}, { who: seller })
  await refund('All that can be wrong', {
    ...{ lines: [{ sku: '', quantity: 0 }], amount: 0, restock: 'yes', reason: '', why: 1 },
  })
  await refund('A line twice', { lines: [...one.lines, ...one.lines] })
  await refund('No key', {}, { headers: {} })
  await refund('A buyer does not', {}, { who: as })
  await refund('Nobody does not', {}, { who: null })
  await refund('No such order', {}, { order: newId() })
  await refund('An id that is none', {}, { order: 'x' })
}

interface RefundCall {
  readonly who?: Person | null
  readonly headers?: Readonly<Record<string, string>>
  readonly order?: string
  readonly without?: readonly string[]
}
