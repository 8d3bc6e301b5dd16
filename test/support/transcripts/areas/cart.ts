/** The cart of an account, of a guest, and of both when the guest logs in. */
import { newId } from '../../../../src/kernel/ids.ts'
import { emailOf, peoplePassword } from '../../people.ts'
import type { Ask, Person } from '../recorder.ts'
import type { Stage } from '../stage.ts'

export async function cart(stage: Stage): Promise<void> {
  await stage.onSale({ 'CART-CUP': 5, 'CART-JUG': 5 })
  await stage.onSale({ 'CART-BILL': 5 }, { currency: 'USD' })
  const fritz = await stage.person('fritz', 'buyer')
  await filling(stage, fritz)
  await emptying(stage, fritz)
  await ofGuests(stage, fritz)
  await refusals(stage, fritz)
}

async function filling({ play }: Stage, as: Person): Promise<void> {
  await play('It is empty at first', 'GET /api/cart', { as })
  const add = (title: string, body: unknown) => play(title, 'POST /api/cart/items', { as, body })
  await add('Two cups', { sku: 'CART-CUP', quantity: 2 })
  await add('One cup more', { sku: 'CART-CUP', quantity: 1 })
  await add('A jug', { sku: 'CART-JUG', quantity: 1 })
  await add('Something in dollars', { sku: 'CART-BILL', quantity: 1 })
  await add('No such SKU', { sku: 'CART-NONE', quantity: 1 })
  await add('More than a line holds', { sku: 'CART-CUP', quantity: 10_000 })
  await add('All that can be wrong', { sku: '-', quantity: 0, price: 1 })
  await play('All of it', 'GET /api/cart', { as })
}

async function emptying({ play }: Stage, as: Person): Promise<void> {
  const set = (title: string, sku: string, body: unknown) =>
    play(title, `PATCH /api/cart/items/${sku}`, { as, body })
  await set('Four cups', 'CART-CUP', { quantity: 4 })
  await set('The SKU may be said twice', 'CART-CUP', { sku: 'CART-CUP', quantity: 1 })
  await set('But not two of them', 'CART-CUP', { sku: 'CART-JUG', quantity: 1 })
  await set('What is not in the cart', 'CART-NONE', { quantity: 1 })
  await set('No units', 'CART-CUP', { quantity: 0 })
  const remove = (title: string, sku: string) =>
    play(title, `DELETE /api/cart/items/${sku}`, { as })
  await remove('No dollars', 'CART-BILL')
  await remove('What is not in the cart is taken out', 'CART-BILL')
  await remove('A SKU that is none', '-')
  await play('Everything out', 'DELETE /api/cart', { as })
  await play('And once more', 'DELETE /api/cart', { as })
}

async function ofGuests({ play }: Stage, as: Person): Promise<void> {
  const headers = { 'x-cart-id': newId() }
  const guest: Ask = { headers }
  await play('The cart of a guest', 'GET /api/cart', guest)
  await play('A guest takes a cup', 'POST /api/cart/items', {
    headers,
    body: { sku: 'CART-CUP', quantity: 1 },
  })
  await play('And two', 'PATCH /api/cart/items/CART-CUP', { headers, body: { quantity: 2 } })
  await play('The guest logs in', 'POST /api/auth/login', {
    headers,
    body: { email: emailOf(as.id), password: peoplePassword },
  })
  await play('Now it is in the cart of the account', 'GET /api/cart', { as })
  await play('And the cart of the guest is empty', 'GET /api/cart', guest)
  await play('A guest takes nothing out', 'DELETE /api/cart/items/CART-CUP', guest)
  await play('A guest empties the cart', 'DELETE /api/cart', guest)
}

async function refusals(stage: Stage, as: Person): Promise<void> {
  const { play, seller } = stage
  await play('A guest without a name', 'GET /api/cart')
  await play('A guest whose name is none', 'GET /api/cart', { headers: { 'x-cart-id': 'mine' } })
  const headers = { 'x-cart-id': newId(), authorization: 'Bearer garbage' }
  await play('A token that is sent must be good', 'GET /api/cart', { headers })
  await play('A seller has no cart', 'GET /api/cart', { as: seller })
  const body = { sku: 'CART-CUP', quantity: 1 }
  await play('A seller fills no cart', 'POST /api/cart/items', { as: seller, body })
  await play('No JSON', 'POST /api/cart/items', { as, raw: '{' })
}
