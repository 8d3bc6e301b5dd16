import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { runRefunds } from '../../../src/flows/pay/run-refunds.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { requestRefund } from '../../../src/payments/refunds.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { Crash, dyingAt } from '../../support/crash.ts'
import { eventually } from '../../support/eventually.ts'
import { type PayingSystem, startPayingSystem } from '../../support/paying.ts'

const ask = (shop: PayingSystem, id: string) =>
  shop.pool.transaction((tx) => requestRefund(tx, id, 'test'))

const due = (shop: PayingSystem) =>
  shop.pool.query(sql.typeAlias('none')`update refunds set tried_at = null where state = 'pending'`)

const eventsOf = async ({ pool }: PayingSystem, topic: string) =>
  (
    await pool.one(
      sql.typeAlias('count')`select count(*) as count from outbox where topic = ${topic}`,
    )
  ).count

test('a refund asked for twice, by ten at once, is one refund', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought)).status, 200)
  const asked = await Promise.all(Array.from({ length: 10 }, () => ask(shop, bought.id)))
  assert.equal(asked.filter((refund) => refund !== null).length, 1)
  const money = shop.money()
  await Promise.all([runRefunds(money), runRefunds(money), runRefunds(money)])
  await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
  assert.equal(await ask(shop, bought.id), null)
  assert.equal((await shop.moneyOf(bought.id)).refunded, 1_000)
  assert.equal(await eventsOf(shop, 'payment.refunded'), 1)
})

for (const point of ['before createRefund', 'after createRefund'] as const) {
  test(`a refund whose process dies ${point} is carried out once`, async (t) => {
    const shop = await startPayingSystem(t, { own: true })
    const bought = await shop.reserve()
    assert.equal((await shop.confirm(bought)).status, 200)
    await shop.stopWorkers()
    await ask(shop, bought.id)
    await runRefunds(shop.money({ wrap: dyingAt(point) }))
    await shop.becomes(bought.id, { order: 'paid', refunded: 0 })
    await due(shop)
    await runRefunds(shop.money())
    await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
    assert.equal((await shop.moneyOf(bought.id)).refunded, 1_000)
  })
}

test('a refund that the provider has forgotten the key of is found, not made again', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.stopWorkers()
  await ask(shop, bought.id)
  await runRefunds(shop.money({ wrap: dyingAt('after createRefund') }))
  await shop.pool.query(sql.typeAlias('none')`
    update refunds set tried_at = null, created_at = now() - interval '30 hours'`)
  const never = shop.money({
    wrap: (gateway) => ({
      ...gateway,
      createRefund: async () => {
        throw new Crash('asked again')
      },
    }),
  })
  await runRefunds(never)
  await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
})

test('an unreachable provider delays a refund, and does not lose it', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.simulator.script('PUT', 'faults', { outage: 'error' })
  await ask(shop, bought.id)
  await runRefunds(shop.money())
  await shop.becomes(bought.id, { order: 'paid', refunded: 0 })
  await shop.simulator.script('DELETE', 'faults')
  await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
})

test('a refund that needs time is settled when the provider says so', async (t) => {
  const shop = await startPayingSystem(t, { webhooks: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_pendingRefund')).status, 200)
  await ask(shop, bought.id)
  await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
  assert.equal((await shop.moneyOf(bought.id)).refunded, 1_000)
})

test('a refund that the bank returns is told to an operator', async (t) => {
  const shop = await startPayingSystem(t, { own: true, webhooks: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_refundFail')).status, 200)
  await ask(shop, bought.id)
  const Row = z.object({ state: z.string(), last_error: z.string().nullable() })
  await eventually(async () => {
    await due(shop)
    const refund = await shop.pool.one(sql.type(Row)`select state, last_error from refunds`)
    assert.equal(refund.state, 'failed')
    assert.match(refund.last_error ?? '', /could not carry out/)
  })
  await shop.becomes(bought.id, { order: 'paid', refunded: 0 })
})

test('an operator sees a refund that failed for good and asks again, under another key', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.stopWorkers()
  const first = await ask(shop, bought.id)
  await runRefunds(
    shop.money({
      wrap: (gateway) => ({
        ...gateway,
        createRefund: async () => ({
          ...{ tag: 'refused', code: 'charge_disputed', message: 'no' },
          ...{ param: null, intent: null },
        }),
      }),
    }),
  )
  const admin = { buyer: newId(), role: 'admin' as const }
  const failed = async () => (await shop.call('GET', '/api/ops/refunds', admin)).body.items
  const [seen, ...others] = await failed()
  assert.deepEqual(others, [])
  const { createdAt: _, ...told } = { createdAt: '', ...seen }
  const wanted = { id: first?.id, checkoutId: bought.id, amount: 1_000, currency: 'EUR' }
  assert.deepEqual(told, {
    ...wanted,
    ...{ reason: 'test', attempts: 1, lastError: 'charge_disputed: no' },
  })
  const retry = () => shop.call('POST', `/api/ops/refunds/${first?.id}/retry`, admin)
  const answers = await Promise.all([retry(), retry()])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409])
  assert.deepEqual(await failed(), [])
  const keys: string[] = []
  const watched = shop.money({
    wrap: (gateway) => ({
      ...gateway,
      createRefund: (refund, options) => {
        keys.push(refund.key)
        return gateway.createRefund(refund, options)
      },
    }),
  })
  await runRefunds(watched)
  assert.equal(keys.length, 1)
  assert.notEqual(keys[0], first?.id)
  await shop.becomes(bought.id, { order: 'refunded', refunded: 1_000 })
  assert.equal((await shop.moneyOf(bought.id)).refunded, 1_000)
  assert.equal((await retry()).status, 409)
})
