import assert from 'node:assert/strict'
import test from 'node:test'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { confirmAndDie, confirmAs, dyingAt } from '../../support/crash.ts'
import { eventually } from '../../support/eventually.ts'
import { startPayingSystem } from '../../support/paying.ts'
import { endLeases } from '../../support/purchases/change.ts'
import { newCheckouts, writeReserved } from '../../support/purchases/write.ts'
import { slowGateway } from '../../support/slow-gateway.ts'

const none = sql.typeAlias('none')

test('ten thousand holds that expire in the same second are free and sold again', async (t) => {
  const count = 10_000
  const shop = await startPayingSystem(t, { settings: { SWEEP_SECONDS: '1' } })
  const sku = await shop.addSku({ units: count })
  await shop.pool.transaction(async (tx) => {
    await tx.query(none`update ledger set free = 0, held = ${count} where sku = ${sku}`)
    await writeReserved(tx, newCheckouts(count), { sku, price: 1_000, expiresInSeconds: 1 })
  })
  await eventually(
    async () => {
      const ledger = await shop.ledgerOf(sku)
      assert.deepEqual([ledger.free, ledger.held], [count, 0])
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )
  await shop.reserveOf(sku, { quantity: count })
})

test('nothing is charged before its hold is committed', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const sku = await shop.addSku()
  await shop.reserveOf(sku)
  await shop.stopWorkers()
  const buyer = newId()
  const placed = await shop.place(buyer, [{ sku, quantity: 1 }])
  assert.deepEqual([placed.status, placed.body.status], [202, 'queued'])
  const paying = shop.confirm({ buyer, sku, id: placed.body.id })
  // Long enough to be charged, had it not to wait: another buyer's checkout is looked at meanwhile.
  for (let i = 0; i < 20; i++) {
    await shop.call('GET', `/api/checkouts/${placed.body.id}`, { buyer })
    const { paymentIntents } = await shop.simulator.script('GET', 'summary')
    assert.equal((paymentIntents as { total: number }).total, 0)
  }
  await shop.startWorker()
  assert.ok([200, 202].includes((await paying).status))
  await shop.becomes(placed.body.id, { checkout: 'confirmed' })
})

test('a hold whose payment is at the provider when its deadline passes is spared for the verdict', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 2 })
  const slow = slowGateway('createAndConfirm')
  const paying = confirmAs(shop.money(slow), bought)
  await slow.done
  await shop.expireIn(bought.id, -1)
  assert.equal(await expireHolds(shop.money()), 0)
  slow.hear()
  const card = { brand: 'visa', last4: '4242' }
  assert.deepEqual(await paying, { tag: 'settled', settlement: { tag: 'confirmed' }, card })
  await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid', captured: 1_000 })
  await shop.settledAt(bought.sku, 1)
})

test('a payment whose process died is paid after the deadline, as long as its hold is there', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve({ units: 2 })
  await confirmAndDie(shop.money({ wrap: dyingAt('before createAndConfirm') }), bought)
  await shop.expireIn(bought.id, -1)
  await shop.reconcile(shop.money())
  await shop.becomes(bought.id, { checkout: 'confirmed', payment: 'succeeded' })
  assert.equal((await shop.moneyOf(bought.id)).charges, 1)
})

test('a hold is kept while its payment waits for its turn, and while somebody drives it', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const money = shop.money()
  const { store } = money
  const bought = await shop.reserve()
  await shop.stopWorkers()
  const { id: checkoutId, buyer: buyerId } = bought
  await store.begin({ checkoutId, buyerId, paymentMethodId: 'pm_card_visa', queue: true })
  await shop.expireIn(checkoutId, -600)
  assert.equal(await expireHolds(money), 0)
  const [taken] = await store.takeWaiting(1)
  assert.equal(taken?.checkoutId, checkoutId)
  assert.equal(await expireHolds(money), 0)
  // Whoever drove it is long gone, and nobody takes it over.
  await endLeases(shop.pool, 60)
  assert.equal(await expireHolds(money), 1)
})

test('a buyer is not blocked by their own hold on the last unit', async (t) => {
  const shop = await startPayingSystem(t)
  const sku = await shop.addSku({ units: 1, limit: 1 })
  const [buyer, key] = [newId(), newId()]
  const first = await eventually(async () => {
    const answer = await shop.place(buyer, [{ sku, quantity: 1 }], { key, wait: 10 })
    assert.equal(answer.status, 201)
    return answer
  })
  const other = await shop.place(newId(), [{ sku, quantity: 1 }])
  assert.deepEqual([other.status, other.body.code], [409, 'sold_out'])
  const again = await shop.place(buyer, [{ sku, quantity: 1 }], { key, wait: 10 })
  assert.deepEqual([again.status, again.body.id], [201, first.body.id])
  assert.equal((await shop.confirm({ buyer, sku, id: first.body.id })).status, 200)
  const paid = await shop.place(buyer, [{ sku, quantity: 1 }], { key })
  assert.deepEqual([paid.body.id, paid.body.status], [first.body.id, 'confirmed'])
})
