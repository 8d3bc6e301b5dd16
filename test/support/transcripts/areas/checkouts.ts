/** Checkouts: placed, refused, found again, looked at, and given back. */
import { newId } from '../../../../src/kernel/ids.ts'
import type { Ask, Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

/** A waiting checkout is answered from a message or from a table, by what comes first; the second says less. */
const waited = ['remaining', 'unitPrice']
const reserved = ({ body }: { readonly body: { readonly status: unknown } }) =>
  body.status === 'reserved'
const far = new Date('2099-01-01T00:00:00Z')

export async function checkouts(stage: Stage): Promise<void> {
  const [past, later] = [new Date(0), new Date('2099-06-01T00:00:00Z')]
  await stage.onSale({ 'CK-LAMP': 9, 'CK-BULB': 9, 'CK-LAST': 1 })
  await stage.onSale({ 'CK-DOLLAR': 9 }, { currency: 'USD' })
  await stage.onSale({ 'CK-DEAR': 9, 'CK-DEARER': 9 }, { price: 60_000_000 })
  await stage.onSale({ 'CK-LIMITED': 9 }, { startsAt: past, endsAt: far, limit: 2 })
  await stage.onSale({ 'CK-EARLY': 9 }, { startsAt: far, endsAt: later })
  await stage.onSale({ 'CK-LATE': 9 }, { startsAt: past, endsAt: new Date('2001-01-01T00:00:00Z') })
  const gesa = await stage.person('gesa', 'buyer')
  await placing(stage, gesa)
  await waiting(stage, gesa)
  await severalSkus(stage, gesa)
  await fromTheCart(stage, gesa)
  await soldOut(stage, gesa)
  await refusals(stage, gesa)
  await badRequests(stage, gesa)
  await strangers(stage, gesa)
}

const key = () => ({ 'idempotency-key': newId() })

/** POST /api/checkouts with a key of its own. */
function placeAs({ play }: Stage, as: Person) {
  return (title: string, items: unknown, ask: Ask = {}) =>
    play(title, 'POST /api/checkouts', {
      as,
      body: { items },
      ...ask,
      headers: { ...key(), ...ask.headers },
    })
}

async function placing(stage: Stage, as: Person): Promise<void> {
  const { play, until } = stage
  const place = placeAs(stage, as)
  const headers = key()
  const items = [{ sku: 'CK-LAMP', quantity: 2 }]
  const { body } = await place('Gesa checks out', items, { headers })
  const path = `/api/checkouts/${body.id}`
  await until('It is reserved', `GET ${path}`, { as }, reserved)
  await place('The same key and body', items, { headers })
  await place('The same key and another body', [{ sku: 'CK-LAMP', quantity: 1 }], { headers })
  await play('Gesa gives it back', `DELETE ${path}`, { as })
  await play('And once more', `DELETE ${path}`, { as })
  await play('It is cancelled', `GET ${path}`, { as })
  await place('The key of a cancelled checkout', items, { headers })
}

async function waiting(stage: Stage, as: Person): Promise<void> {
  const place = placeAs(stage, as)
  const ask = { headers: { ...key(), prefer: 'wait=20' }, without: waited }
  const items = [{ sku: 'CK-BULB', quantity: 1 }]
  await place('Gesa waits for the commit', items, ask)
  await place('The same key again', items, ask)
}

async function severalSkus(stage: Stage, as: Person): Promise<void> {
  const place = placeAs(stage, as)
  const lines = ['CK-LAMP', 'CK-BULB', 'CK-LAMP'].map((sku) => ({ sku, quantity: 1 }))
  const headers = key()
  const { body } = await place('Two SKUs on three lines', lines, { headers })
  const path = `/api/checkouts/${body.id}`
  await stage.until('They are reserved', `GET ${path}`, { as }, reserved)
  await place('The same lines in another order', lines.toReversed(), { headers })
  await stage.play('All of them are given back', `DELETE ${path}`, { as })
}

async function fromTheCart(stage: Stage, as: Person): Promise<void> {
  const { play, send } = stage
  const ask = { as, body: { fromCart: true }, headers: { ...key(), prefer: 'wait=20' } }
  await play('The cart is empty', 'POST /api/checkouts', ask)
  await send('POST /api/cart/items', { as, body: { sku: 'CK-BULB', quantity: 2 } })
  await play('What is in the cart', 'POST /api/checkouts', { ...ask, without: waited })
  await play('The cart is empty now', 'GET /api/cart', { as })
  await play('The same key again', 'POST /api/checkouts', { ...ask, without: waited })
}

async function soldOut(stage: Stage, as: Person): Promise<void> {
  const place = placeAs(stage, as)
  await place('More than there is', [{ sku: 'CK-LAST', quantity: 2 }])
  await stage.reserved(await stage.person('hugo', 'buyer'), [{ sku: 'CK-LAST', quantity: 1 }])
  await place('Hugo was faster', [{ sku: 'CK-LAST', quantity: 1 }])
  await place(
    'All or nothing',
    ['CK-LAMP', 'CK-LAST'].map((sku) => ({ sku, quantity: 1 })),
  )
}

async function refusals(stage: Stage, as: Person): Promise<void> {
  const place = placeAs(stage, as)
  await place('More than a customer may have', [{ sku: 'CK-LIMITED', quantity: 3 }])
  await stage.reserved(as, [{ sku: 'CK-LIMITED', quantity: 2 }])
  await place('With what the customer has', [{ sku: 'CK-LIMITED', quantity: 1 }])
  await place('Before the sale', [{ sku: 'CK-EARLY', quantity: 1 }])
  await place('After the sale', [{ sku: 'CK-LATE', quantity: 1 }])
  await place(
    'Two currencies',
    ['CK-DOLLAR', 'CK-LAMP'].map((sku) => ({ sku, quantity: 1 })),
  )
  await place('More of it than one payment takes', [{ sku: 'CK-DEAR', quantity: 2 }])
  await place(
    'A total that one payment cannot take',
    ['CK-DEAR', 'CK-DEARER'].map((sku) => ({ sku, quantity: 1 })),
  )
  await place('No such SKU', [{ sku: 'CK-NONE', quantity: 1 }])
  await place(
    'No such SKU beside one that is there',
    ['CK-LAMP', 'CK-NONE'].map((sku) => ({ sku, quantity: 1 })),
  )
}

async function badRequests(stage: Stage, as: Person): Promise<void> {
  const { play } = stage
  const place = placeAs(stage, as)
  const good = { items: [{ sku: 'CK-LAMP', quantity: 1 }] }
  await play('No key', 'POST /api/checkouts', { as, body: good })
  await place('A key that is too long', good.items, {
    headers: { 'idempotency-key': 'x'.repeat(256) },
  })
  await place('A key with a space', good.items, { headers: { 'idempotency-key': 'a b' } })
  await place('Nothing', [])
  await place(
    'Too many lines',
    Array.from({ length: 51 }, () => good.items[0]),
    { body: undefined, raw: JSON.stringify({ items: Array(51).fill(good.items[0]) }) },
  )
  await place('All that can be wrong', [{ sku: 'a b', quantity: 1.5, price: 1 }, 7])
  await place('Neither items nor cart', undefined)
  await place('Both items and cart', undefined, { body: { ...good, fromCart: true } })
  await place('No cart', undefined, { body: { fromCart: false } })
  await play('Nobody', 'POST /api/checkouts', { body: good, headers: key() })
  await play('A seller', 'POST /api/checkouts', { as: stage.seller, body: good, headers: key() })
}

async function strangers(stage: Stage, as: Person): Promise<void> {
  const { play } = stage
  const id = await stage.reserved(as, [{ sku: 'CK-BULB', quantity: 1 }])
  const inge = await stage.person('inge', 'buyer')
  for (const method of ['GET', 'DELETE']) {
    const call = `${method} /api/checkouts`
    await play('That of somebody else', `${call}/${id}`, { as: inge })
    await play('One that is none', `${call}/${newId()}`, { as })
    await play('An id that is none', `${call}/x`, { as })
    await play('Nobody', `${call}/${id}`)
  }
}
