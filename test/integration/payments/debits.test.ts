// Payment methods that take days, where the shop takes them: their holds follow them, and the order ends right.
import assert from 'node:assert/strict'
import test from 'node:test'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startPayingSystem } from '../../support/paying.ts'

const debit = 'pm_usBankAccount_processing'

test('a payment in processing keeps its hold until the provider says yes or no', async (t) => {
  const settings = { PAYMENT_METHODS: 'any', SWEEP_SECONDS: '1' }
  const shop = await startPayingSystem(t, { settings, webhooks: true })
  /** A debit that is under way, and whose deadline has passed. */
  const debited = async () => {
    const bought = await shop.reserve({ units: 2 })
    const { status, body } = await shop.confirm(bought, debit)
    assert.deepEqual([status, body.clientSecret, body.pollAfterMs], [202, null, 30_000])
    const seen = await shop.call('GET', `/api/checkouts/${bought.id}`, bought)
    assert.deepEqual([seen.body.status, seen.body.pollAfterMs], ['paying', 30_000])
    await shop.expireIn(bought.id, -600)
    await shop.money().store.expireDue(10)
    await shop.becomes(bought.id, { checkout: 'paying', attempts: ['pending'] })
    return { ...bought, intent: await shop.intentOf(bought.id) }
  }
  const settle = (intent: string, outcome: 'succeed' | 'fail') =>
    shop.simulator.script('POST', `payment_intents/${intent}/settle`, { outcome })

  await t.test('yes: the order is paid, days after its deadline', async () => {
    const bought = await debited()
    await settle(bought.intent, 'succeed')
    await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded'] })
  })

  await t.test('no: the units go back, and nobody is charged', async () => {
    const bought = await debited()
    await settle(bought.intent, 'fail')
    await shop.becomes(bought.id, { payment: 'canceled', attempts: ['declined'] })
    await shop.settledAt(bought.sku, 2)
    assert.equal((await shop.moneyOf(bought.id)).captured, 0)
  })

  await t.test('no word at all: the job that looks an hour later hears it', async () => {
    const bought = await debited()
    await shop.simulator.script('PUT', 'webhooks', { behaviour: { dropRate: 1 } })
    await settle(bought.intent, 'succeed')
    await shop.reconcile(shop.money())
    await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded'] })
  })

  await t.test('two weeks without an answer end the hold', async () => {
    const bought = await debited()
    await shop.pool.query(sql.typeAlias('none')`
      update payment_attempts set created_at = now() - interval '14 days'
       where checkout_id = ${bought.id}`)
    await shop.money().store.expireDue(10)
    await shop.becomes(bought.id, { checkout: 'expired' })
  })

  await t.test('the provider is told from where the buyer accepted the debit', async () => {
    const bought = await shop.reserve()
    await shop.confirm(bought, debit)
    const { details } = (await shop.money().store.open(bought.id)) ?? {}
    assert.equal(details?.acceptance?.ip, '127.0.0.1')
  })
})
