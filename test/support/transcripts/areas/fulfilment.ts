/** Locations of sellers, and orders on their way. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Answered, Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

const Shipped = z.looseObject({ shipments: z.array(z.looseObject({ id: z.string() })) })

export async function fulfilment(stage: Stage): Promise<void> {
  const potter = await stage.person('potter', 'seller')
  await stage.onSale({ 'FUL-POT': 20, 'FUL-LID': 20 }, { as: potter })
  await locations(stage, potter)
  await moving(stage, potter)
  await shipping(stage, potter)
}

async function locations(stage: Stage, as: Person): Promise<void> {
  const { play } = stage
  const rival = await stage.person('other-potter', 'seller')
  const buyer = await stage.person('olga', 'buyer')
  const create = (title: string, body: unknown, who = as) =>
    play(title, 'POST /api/locations', { as: who, body })
  const { body } = await create('A place', { name: ' Berlin ', latitude: 52.5, longitude: 13.4 })
  const other = await create('A place without coordinates', { name: 'Cellar', priority: 1 })
  await create('Half a coordinate', { name: 'Here', latitude: 52.5 })
  await create('All that can be wrong', { name: '', priority: -1, online: 'yes', owner: 'me' })
  await create('Not a buyer', { name: 'Home' }, buyer)
  await play('Nobody', 'POST /api/locations', { body: { name: 'Home' } })
  await play('All places', 'GET /api/locations', { as })
  const first = await play('One place', 'GET /api/locations?limit=1', { as })
  const next = first.body.nextCursor
  await play('The next place', `GET /api/locations?limit=1&cursor=${next}`, { as })
  await play('A cursor that is none', 'GET /api/locations?cursor=x', { as })
  await play('Not for buyers', 'GET /api/locations', { as: buyer })
  await changing(stage, { as, rival, id: body.id, other: other.body.id })
}

interface Changing {
  readonly as: Person
  readonly rival: Person
  readonly id: string
  readonly other: string
}

async function changing({ play }: Stage, { as, rival, id, other }: Changing): Promise<void> {
  const change = (title: string, place: string, body: unknown, who = as) =>
    play(title, `PATCH /api/locations/${place}`, { as: who, body })
  await change('Another name', id, { name: 'Berlin Mitte', priority: 5 })
  await change('Half a coordinate', other, { latitude: 1 })
  await change('Offline', other, { online: false })
  await change('Nothing to change', id, {})
  await change('All that can be wrong', id, { name: 7, latitude: 100, stock: [] })
  await change('Not that of another seller', id, { name: 'Mine' }, rival)
  await change('No such place', newId(), { name: 'Nowhere' })
  await change('An id that is none', 'x', { name: 'Nowhere' })
  const fill = (title: string, place: string, items: unknown, who = as) =>
    play(title, `PUT /api/locations/${place}/stock`, { as: who, body: { items } })
  await fill('What lies there', id, [
    { sku: 'FUL-POT', units: 10 },
    { sku: 'FUL-LID', units: 10 },
  ])
  await fill('A SKU of somebody else', id, [{ sku: 'FUL-NONE', units: 1 }])
  await fill('All that can be wrong', id, [{ sku: 'a b', units: -1 }])
  await fill('Nothing', id, [])
  await fill('Not that of another seller', id, [{ sku: 'FUL-POT', units: 1 }], rival)
  await fill('No such place', newId(), [{ sku: 'FUL-POT', units: 1 }])
}

/** An order of these SKUs that is planned into parcels. */
async function planned(stage: Stage, potter: Person, title: string, ...skus: string[]) {
  const as = await stage.person(`buyer-of-${skus.length}`, 'buyer')
  const id = await stage.paid(
    as,
    skus.map((sku) => ({ sku, quantity: 1 })),
  )
  const isPlanned = ({ body }: Answered) => Shipped.parse(body).shipments.length > 0
  const answer = await stage.until(title, `GET /api/orders/${id}`, { as: potter }, isPlanned)
  const [shipment] = Shipped.parse(answer.body).shipments
  assert.ok(shipment)
  return { as, id, shipment: shipment.id }
}

async function moving(stage: Stage, potter: Person): Promise<void> {
  const { play } = stage
  const { as, id } = await planned(stage, potter, 'A paid order is planned', 'FUL-LID', 'FUL-POT')
  const move = (title: string, status: string, who = potter) =>
    play(title, `PATCH /api/orders/${id}/status`, { as: who, body: { status } })
  await move('Not two steps at once', 'shipped')
  await move('It is being packed', 'processing')
  await move('And once more', 'processing')
  await move('A status that no seller sets', 'paid')
  await move('Not by a buyer', 'shipped', as)
  await move('Not by another seller', 'shipped', stage.seller)
  await play('Nobody', `PATCH /api/orders/${id}/status`, { body: { status: 'shipped' } })
  await move('It is sent', 'shipped')
  await play('What is on its way is not cancelled', `PUT /api/orders/${id}/cancel`, { as })
  await move('Not backwards', 'processing')
  await move('It is there', 'delivered')
  await play('The buyer sees all of it', `GET /api/orders/${id}`, { as })
  const body = { status: 'processing' }
  await play('No such order', `PATCH /api/orders/${newId()}/status`, { as: potter, body })
  await play('An id that is none', 'PATCH /api/orders/x/status', { as: potter, body })
  const open = await stage.reserved(as, [{ sku: 'FUL-POT', quantity: 1 }])
  await play('Not before it is paid', `PATCH /api/orders/${open}/status`, { as: potter, body })
  await play('What the audit log says', `GET /api/audit?subject=order%3A${id}`, {
    as: stage.admin,
  })
}

async function shipping(stage: Stage, potter: Person): Promise<void> {
  const { play } = stage
  const { as, id, shipment } = await planned(stage, potter, 'One parcel', 'FUL-POT')
  const move = (title: string, body: unknown, who = potter, parcel = shipment) =>
    play(title, `PATCH /api/shipments/${parcel}`, { as: who, body })
  await move('Not before it is packed', { status: 'shipped' })
  await stage.send(`PATCH /api/orders/${id}/status`, { as: potter, body: { status: 'processing' } })
  await move('It is sent', { status: 'shipped', tracking: ' 00340 ' })
  await move('And once more', { status: 'shipped' })
  await move('Not by another seller', { status: 'delivered' }, stage.seller)
  await move('Not by a buyer', { status: 'delivered' }, as)
  await move('All that can be wrong', { status: 'lost', tracking: '' })
  await move('It is there', { status: 'delivered' })
  await move('No such parcel', { status: 'shipped' }, potter, newId())
  await move('An id that is none', { status: 'shipped' }, potter, 'x')
}
