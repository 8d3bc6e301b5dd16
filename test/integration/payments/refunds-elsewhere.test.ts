// Money that somebody gives back at the provider, and money that banks return: real stores, a real simulator.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Stripe } from 'stripe'
import { handleStripeEvent } from '../../../src/flows/pay/handle-event.ts'
import { runRefunds } from '../../../src/flows/pay/run-refunds.ts'
import { requestRefund } from '../../../src/payments/refunds.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { moneySeen, passSeconds } from '../../support/purchases/money.ts'

const elsewhere = async (shop: PayingSystem, id: string, amount?: number) => {
  const path = `payment_intents/${await shop.intentOf(id)}/refund`
  await shop.simulator.script('POST', path, amount === undefined ? {} : { amount })
}

const ask = (shop: PayingSystem, id: string) =>
  shop.pool.transaction((tx) => requestRefund(tx, id, 'cancelled'))

const refundsOf = async (shop: PayingSystem, id: string) =>
  (await moneySeen(shop.pool, id)).refunds
    .map(({ amount, reason, state }) => `${amount} ${reason} ${state}`)
    .toSorted()

test('what an operator refunds at the Dashboard is known, and never given back twice', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const money = shop.money()
  const eventsOf = async (type: Stripe.Event.Type) =>
    (await shop.simulator.stripe.events.list({ limit: 100, type })).data
  const tell = async (type: Stripe.Event.Type) => {
    for (const event of await eventsOf(type)) await handleStripeEvent(money, event)
  }
  const bought: string[] = []
  for (let n = 0; n < 4; n++) {
    const one = await shop.reserve()
    assert.equal((await shop.confirm(one)).status, 200)
    await shop.settledAt(one.sku, 9)
    bought.push(one.id)
  }
  await shop.stopWorkers()
  const paid = () => bought.pop() ?? ''

  await t.test('a part, told by the refund and by its charge, counts once', async () => {
    const id = paid()
    await elsewhere(shop, id, 300)
    await tell('refund.created')
    await tell('charge.refunded')
    await shop.becomes(id, { order: 'paid', refunded: 300 })
    assert.deepEqual(await refundsOf(shop, id), ['300 provider succeeded'])
  })
  await t.test(
    'all of it, told by the charge alone: the order is refunded, not cancelled',
    async () => {
      const id = paid()
      await elsewhere(shop, id, 400)
      await elsewhere(shop, id)
      await tell('charge.refunded')
      await shop.becomes(id, { order: 'refunded', refunded: 1_000, lines: ['refunded'] })
      assert.deepEqual((await moneySeen(shop.pool, id)).commands, ['sell'], 'no unit came back')
      assert.equal(await ask(shop, id), null, 'nothing is left')
    },
  )
  await t.test(
    'ours begins at once with theirs, of which no event comes: what is left goes back',
    async () => {
      const id = paid()
      assert.equal((await ask(shop, id))?.amount, 1_000)
      await elsewhere(shop, id, 300)
      await runRefunds(money)
      await runRefunds(money)
      await shop.becomes(id, { order: 'refunded', refunded: 1_000 })
      assert.equal((await shop.moneyOf(id)).refunded, 1_000)
      assert.deepEqual(await refundsOf(shop, id), [
        '1000 cancelled failed',
        '300 provider succeeded',
        '700 cancelled succeeded',
      ])
    },
  )
  await t.test('a refund there that fails afterwards is the buyer’s debt no more', async () => {
    const id = paid()
    await elsewhere(shop, id)
    await tell('refund.created')
    await shop.becomes(id, { order: 'refunded' })
    const [made] = (
      await shop.simulator.stripe.refunds.list({ payment_intent: await shop.intentOf(id) })
    ).data
    await shop.simulator.script('POST', `refunds/${made?.id}/settle`, { outcome: 'fail' })
    await tell('refund.failed')
    await shop.becomes(id, { order: 'paid', refunded: 0 })
    await tell('refund.created')
    await shop.becomes(id, { order: 'paid', refunded: 0 })
  })
})

test('money that a bank returned is asked for after 1, 5 and 30 days, then by an operator', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.stopWorkers()
  const money = shop.money()
  const { id } = bought
  await ask(shop, id)
  const listed = async () => {
    const { body } = await shop.call('GET', '/api/ops/refunds', { buyer: id, role: 'admin' })
    return JSON.parse(JSON.stringify(body.items)).length as number
  }
  for (const [n, days] of [1, 5, 30, null].entries()) {
    await runRefunds(money)
    await shop.becomes(id, { order: 'refunded' })
    const { data } = await shop.simulator.stripe.refunds.list({ limit: 100 })
    assert.equal(data.length, n + 1, 'one more at the provider')
    const path = `refunds/${data[0]?.id}/settle`
    await shop.simulator.script('POST', path, { outcome: 'fail' })
    const failed = await shop.simulator.stripe.events.list({ type: 'refund.failed', limit: 1 })
    await handleStripeEvent(money, failed.data[0] as Stripe.Event)
    await shop.becomes(id, { order: 'paid', refunded: 0 })
    assert.equal(await listed(), days === null ? 1 : 0)
    if (days === null) break
    await passSeconds(shop.pool, days * 86_400 - 60)
    await runRefunds(money)
    assert.equal((await moneySeen(shop.pool, id)).refunds.length, n + 1, 'not yet')
    await passSeconds(shop.pool, 120)
  }
  const flagged = await shop.pool.exists(sql.typeAlias('none')`
    select from payments where checkout_id = ${id} and flagged is not null`)
  assert.ok(flagged)
})
