// A provider that is away, slow, or loses its answers; and processes that die at every boundary.
import assert from 'node:assert/strict'
import test from 'node:test'
import { cancelIntent } from '../../../src/flows/pay/cancel-intent.ts'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { resumeReclaims } from '../../../src/flows/pay/resume.ts'
import { type CrashPoint, confirmAndDie, confirmAs, dyingAt } from '../../support/crash.ts'
import { eventually } from '../../support/eventually.ts'
import { startPayingSystem } from '../../support/paying.ts'
import { endLeases, expireNow } from '../../support/purchases/change.ts'
import { openTransactions } from '../../support/purchases/traces.ts'
import { slowGateway } from '../../support/slow-gateway.ts'

test('a provider that cannot be reached: 503, and the units are free at once', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 2 })
  await shop.simulator.script('PUT', 'faults', { outage: 'drop' })
  const answer = await shop.confirm(bought)
  assert.deepEqual([answer.status, answer.body.code], [503, 'payment_unavailable'])
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  await shop.becomes(bought.id, {
    checkout: 'payment_failed',
    order: 'cancelled',
    attempts: ['pending'],
  })
  await shop.settledAt(bought.sku, 2)
  await shop.simulator.script('DELETE', 'faults')
  await eventually(async () => {
    await shop.reconcile(shop.money())
    await shop.becomes(bought.id, { payment: 'canceled', attempts: ['abandoned'] }, 0)
  })
  assert.equal((await shop.moneyOf(bought.id)).charges, 0)
})

test('what turns out to have been charged after an outage is refunded in full, once', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 2 })
  // Charged, and every answer to that, and every look at it, is lost.
  await shop.simulator.script('PUT', 'faults', {
    next: [
      { kind: 'drop_after', count: 1_000, match: '/payment_intents' },
      { kind: 'drop_before', count: 1_000, match: 'GET /v1/payment_intents/' },
      { kind: 'drop_before', count: 1_000, match: '/cancel' },
    ],
  })
  assert.equal((await shop.confirm(bought)).status, 503)
  await shop.settledAt(bought.sku, 2)
  assert.equal((await shop.simulator.script('GET', 'summary')).chargedOnce, 1)
  await shop.simulator.script('DELETE', 'faults')
  const money = shop.money()
  await eventually(async () => {
    await Promise.all([shop.reconcile(money), resumeReclaims(money, 0)])
    await shop.becomes(bought.id, { order: 'refunded', captured: 1_000, refunded: 1_000 }, 0)
  })
  await shop.becomes(bought.id, { checkout: 'payment_failed' })
  const { charges, captured, refunded } = await shop.moneyOf(bought.id)
  assert.deepEqual([charges, captured, refunded], [1, 1_000, 1_000])
  await shop.settledAt(bought.sku, 2)
})

test('with PAYMENT_OUTAGE=keep the hold lives on, and is charged when the provider is back', async (t) => {
  const shop = await startPayingSystem(t, { settings: { PAYMENT_OUTAGE: 'keep' } })
  const bought = await shop.reserve({ units: 2 })
  await shop.simulator.script('PUT', 'faults', { outage: 'error' })
  const answer = await shop.confirm(bought)
  assert.deepEqual([answer.status, answer.body.code], [503, 'payment_unavailable'])
  await shop.becomes(bought.id, { checkout: 'paying', attempts: ['pending'] })
  assert.equal((await shop.ledgerOf(bought.sku)).held, 1)
  await shop.simulator.script('DELETE', 'faults')
  await eventually(async () => {
    await shop.reconcile(shop.money())
    await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid' }, 0)
  })
  assert.equal((await shop.moneyOf(bought.id)).charges, 1)
})

for (const [name, next] of [
  ['lost replies', [{ kind: 'drop_after', count: 2 }]],
  ['500s before anything is done', [{ kind: 'error_before', count: 2 }]],
  ['a 500 after the charge', [{ kind: 'error_after', count: 1, match: '/payment_intents' }]],
] as const) {
  test(`with ${name}, the same is asked for again under its key: paid once`, async (t) => {
    const shop = await startPayingSystem(t, { own: true })
    const bought = await shop.reserve()
    await shop.simulator.script('PUT', 'faults', { next })
    assert.equal((await shop.confirm(bought)).status, 200)
    await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded'] })
    const { intents, charges } = await shop.moneyOf(bought.id)
    assert.deepEqual([intents, charges], [1, 1])
  })
}

const deaths: readonly CrashPoint[] = ['before createAndConfirm', 'after createAndConfirm']
for (const point of deaths) {
  test(`a confirm that dies ${point} is resumed: paid once`, async (t) => {
    const shop = await startPayingSystem(t, { own: true })
    const bought = await shop.reserve({ units: 2 })
    await confirmAndDie(shop.money({ wrap: dyingAt(point) }), bought)
    await shop.becomes(bought.id, { checkout: 'paying', attempts: ['pending'] })
    const money = shop.money()
    // Both jobs, on two workers at once.
    await Promise.all([
      resumeReclaims(money, 0),
      resumeReclaims(money, 0),
      shop.reconcile(money),
      shop.reconcile(money),
    ])
    await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid', captured: 1_000 })
    await shop.settledAt(bought.sku, 1)
    const { intents, charges } = await shop.moneyOf(bought.id)
    assert.deepEqual([intents, charges], [1, 1])
  })

  test(`one that dies ${point} and is not resumed in time strands nothing`, async (t) => {
    const shop = await startPayingSystem(t, { own: true })
    const bought = await shop.reserve({ units: 2 })
    await confirmAndDie(shop.money({ wrap: dyingAt(point) }), bought)
    await expireNow(shop.pool, bought.id)
    await endLeases(shop.pool, 60)
    const money = shop.money()
    await expireHolds(money)
    const paid = point === 'after createAndConfirm'
    await eventually(async () => {
      await Promise.all([shop.reconcile(money), resumeReclaims(money, 0)])
      const { checkout, payment } = await shop.stateOf(bought.id)
      // Late money is honoured here: the units are free again.
      assert.deepEqual(
        [checkout, payment],
        paid ? ['confirmed', 'succeeded'] : ['expired', 'canceled'],
      )
    })
    await shop.settledAt(bought.sku, paid ? 1 : 2)
    assert.equal((await shop.moneyOf(bought.id)).charges, paid ? 1 : 0)
  })
}

test('a payment that was given up while it was charged comes back to the buyer', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const { id, buyer, sku } = await shop.reserve({ units: 2 })
  const slow = slowGateway('createAndConfirm')
  const charging = confirmAs(shop.money(slow), { id, buyer })
  await slow.done
  // Another process asks too, finds the provider away, and gives the hold up.
  await shop.simulator.script('PUT', 'faults', { outage: 'drop' })
  await shop.reconcile(shop.money())
  await shop.becomes(id, { checkout: 'payment_failed' })
  await shop.simulator.script('DELETE', 'faults')
  slow.hear()
  assert.equal((await charging).tag, 'settled')
  await shop.settledAt(sku, 2)
  await eventually(async () => {
    const { intents, charges, captured, refunded } = await shop.moneyOf(id)
    assert.deepEqual([intents, charges, captured, refunded], [1, 1, 1_000, 1_000])
  })
})

test('a declined attempt whose answer was lost leaves the buyer the other attempts', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  const money = shop.money({ wrap: dyingAt('after createAndConfirm') })
  await confirmAndDie(money, bought, 'pm_card_chargeDeclined')
  await shop.reconcile(shop.money())
  await shop.becomes(bought.id, { checkout: 'reserved', attempts: ['declined'] })
  assert.equal((await shop.confirm(bought)).status, 200)
})

test('a cancel that dies on its way is made by the job', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  await shop.stopWorkers()
  await shop.expireIn(bought.id, -1)
  await expireHolds(shop.money())
  const dying = shop.money({ wrap: dyingAt('after cancelIntent') })
  await assert.rejects(cancelIntent(dying, bought.id))
  await shop.reconcile(shop.money())
  await shop.becomes(bought.id, {
    checkout: 'expired',
    payment: 'canceled',
    attempts: ['abandoned'],
  })
})

test('no transaction is open and no row locked while the provider is asked', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  // The jobs of a worker have transactions of their own.
  await shop.stopWorkers()
  await shop.simulator.script('PUT', 'faults', { latency: { minMs: 4_000, maxMs: 4_000 } })
  const paying = shop.confirm(bought)
  await shop.becomes(bought.id, { checkout: 'paying' })
  // Some looks while the provider takes its time.
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(await openTransactions(shop.pool), { idle: 0, locks: 0 })
  }
  await shop.becomes(bought.id, { checkout: 'paying' })
  assert.equal((await paying).status, 200)
})
