// The operators' list of payments that are not done: what it has, in which order, and for whom.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startPayingSystem } from '../../support/paying.ts'

const none = sql.typeAlias('none')

interface Item {
  readonly kind: string
  readonly orderId: string
  readonly orderNumber: number | null
  readonly refundId: string | null
  readonly attempt: number | null
  readonly state: string
  readonly reason: string
  readonly nextTryAt: string | null
  readonly action: string
}

test('an operator finds every payment that is not done: what a person must mend first, each once', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const { pool } = shop
  const sku = await shop.addSku({ units: 10 })
  const bought = [
    await shop.reserveOf(sku),
    await shop.reserveOf(sku),
    await shop.reserveOf(sku),
    await shop.reserveOf(sku),
  ] as const
  await shop.stopWorkers()
  const [atBank, flagged, refunded, waiting] = bought
  assert.equal((await shop.confirm(atBank, 'pm_card_authenticationRequired')).status, 202)
  for (const each of [flagged, refunded]) assert.equal((await shop.confirm(each)).status, 200)
  assert.equal((await shop.confirm(waiting, 'pm_card_authenticationRequired')).status, 202)
  await pool.query(none`
    update payment_attempts set state = 'waiting' where checkout_id = ${waiting.id}`)
  await pool.query(none`
    update payments set flagged = 'pi_1: 5 EUR of 10' where checkout_id = ${flagged.id}`)
  const [failed = '', pending = ''] = [newId(), newId()].toSorted()
  await pool.query(none`
    insert into refunds (id, checkout_id, amount, reason, state, attempts, tried_at, last_error)
    values (${failed}, ${refunded.id}, 400, 'test', 'failed', 3, now(), 'charge_disputed: no'),
      (${pending}, ${refunded.id}, 600, 'test', 'pending', 1, now(), null),
      (${newId()}, ${flagged.id}, 400, 'test', 'succeeded', 1, now(), null)`)

  const admin = { buyer: newId(), role: 'admin' as const }
  const page = async (query = '') => {
    const { status, body } = await shop.call('GET', `/api/ops/payments${query}`, admin)
    assert.equal(status, 200, JSON.stringify(body))
    return { items: body.items as readonly unknown[] as Item[], next: body.nextCursor }
  }
  const { items, next } = await page()
  assert.equal(next, null)
  assert.deepEqual(
    items.map(({ kind, orderId, state, refundId }) => [kind, orderId, state, refundId]),
    [
      ['flagged', flagged.id, 'succeeded', null],
      ['refund', refunded.id, 'failed', failed],
      ['refund', refunded.id, 'pending', pending],
      ['attempt', atBank.id, 'requires_action', null],
      ['attempt', waiting.id, 'waiting', null],
    ],
  )
  assert.ok(items.every(({ orderNumber, action }) => orderNumber !== null && action !== ''))
  assert.deepEqual(
    items.map(({ nextTryAt }) => nextTryAt !== null),
    [false, false, true, true, false],
  )
  assert.deepEqual(
    [items[0]?.reason, items[1]?.reason],
    ['pi_1: 5 EUR of 10', 'charge_disputed: no'],
  )
  assert.equal(items[3]?.attempt, 1)
  assert.match(items[1]?.action ?? '', new RegExp(`POST /api/ops/refunds/${failed}/retry`))

  const paged: Item[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const one = await page(`?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
    paged.push(...one.items)
    cursor = one.next
  }
  assert.deepEqual(paged, items)
  assert.deepEqual((await page('?kind=refund')).items, items.slice(1, 3))

  // Once its money is on its way, a refund that failed is owed no more.
  await pool.query(none`update refunds set amount = 1000 where id = ${pending}`)
  assert.equal((await page('?kind=refund')).items.length, 1)
  const seller = { buyer: newId(), role: 'seller' as const }
  assert.equal((await shop.call('GET', '/api/ops/payments', seller)).status, 403)
})
