/** Stock as its seller changes it, and as buyers ask for it. */
import assert from 'node:assert/strict'
import { noteRefusedStock } from '../../../../src/audit/audit-log.ts'
import { eventually } from '../../eventually.ts'
import type { Stage } from '../stage.ts'

export async function stock(stage: Stage): Promise<void> {
  await reading(stage)
  await changing(stage)
  await hearing(stage)
}

async function reading(stage: Stage): Promise<void> {
  const { play } = stage
  await stage.onSale({ 'STOCK-MUG': 5 })
  const terms = { startsAt: new Date(0), endsAt: new Date('2099-01-01T00:00:00Z'), limit: 2 }
  await stage.onSale({ 'STOCK-SALE': 5 }, terms)
  await stage.until(
    'A SKU',
    'GET /api/skus/STOCK-MUG',
    {},
    ({ body }) => body.available === 5 && body.held === 0,
  )
  await stage.until(
    'A SKU in a sale',
    'GET /api/skus/STOCK-SALE',
    {},
    ({ body }) => body.available === 5 && body.held === 0,
  )
  await play('No such SKU', 'GET /api/skus/STOCK-NONE')
  await play('A SKU that is none', 'GET /api/skus/-')
}

async function changing(stage: Stage): Promise<void> {
  const { play, seller, admin } = stage
  const change = (title: string, body: unknown, as = seller, sku = 'STOCK-MUG') =>
    play(title, `POST /api/skus/${sku}/stock`, { as, body })
  const becomes = (title: string, available: number) =>
    stage.until(title, 'GET /api/skus/STOCK-MUG', {}, ({ body }) => body.available === available)
  await change('A delivery', { delta: 3, reason: 'Delivery' })
  await becomes('It is there', 8)
  await change('Breakage', { delta: -2, reason: 'Broken' })
  await becomes('It is gone', 6)
  await change('More than there is', { delta: -100, reason: 'Fire' })
  await eventually(async () => assert.equal(await noteRefusedStock(stage.system.pool), 1))
  const log = 'GET /api/audit?subject=sku%3ASTOCK-MUG'
  await play('What the audit log says of it', log, { as: admin })
  await change('All that can be wrong', { delta: 0, reason: '', by: 'me' })
  await change('No such SKU', { delta: 1, reason: 'x' }, seller, 'STOCK-NONE')
  const rival = await stage.person('stock-rival', 'seller')
  await change('Not the SKU of another seller', { delta: 1, reason: 'x' }, rival)
  await change('Not a buyer', { delta: 1, reason: 'x' }, await stage.person('dora', 'buyer'))
  await play('Nobody', 'POST /api/skus/STOCK-MUG/stock', { body: { delta: 1, reason: 'x' } })
}

async function hearing(stage: Stage): Promise<void> {
  const { play, seller } = stage
  const rival = await stage.person('other-stock-rival', 'seller')
  const threshold = (title: string, body: unknown, as = seller, sku = 'STOCK-MUG') =>
    play(title, `PUT /api/skus/${sku}/threshold`, { as, body })
  await threshold('The seller wants to hear early', { units: 4 })
  await threshold('And later', { units: 0 })
  await threshold('Below nothing', { units: -1 })
  await threshold('No such SKU', { units: 1 }, seller, 'STOCK-NONE')
  await threshold('Not the SKU of another seller', { units: 1 }, rival)
  const emil = await stage.person('emil', 'buyer')
  const alert = (title: string, as = emil, sku = 'STOCK-MUG') =>
    play(title, `POST /api/skus/${sku}/alerts`, { as })
  await alert('A buyer wants to hear')
  await alert('And once more')
  await alert('No such SKU', emil, 'STOCK-NONE')
  await alert('Not a seller', seller)
  await play('Nobody', 'POST /api/skus/STOCK-MUG/alerts')
}
