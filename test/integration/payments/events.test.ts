// What the provider reports: twice, late, out of order, about others, or with the wrong amount.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Stripe } from 'stripe'
import { handleStripeEvent } from '../../../src/flows/pay/handle-event.ts'
import { PaymentMismatch } from '../../../src/flows/pay/settle.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { PermanentFailure } from '../../../src/platform/retries.ts'
import { confirmAndDie, confirmAs, dyingAt } from '../../support/crash.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bought, type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { countMovesTo } from '../../support/purchases/count.ts'
import { slowGateway } from '../../support/slow-gateway.ts'

/** The events of an intent, from the first to the last, as the provider would send them. */
async function eventsOf(shop: PayingSystem, intentId: string): Promise<Stripe.Event[]> {
  const { data } = await shop.simulator.stripe.events.list({ limit: 100 })
  return data.filter((event) => (event.data.object as { id?: string }).id === intentId).toReversed()
}

async function eventOf(shop: PayingSystem, intentId: string, type: Stripe.Event.Type) {
  const found = (await eventsOf(shop, intentId)).find((event) => event.type === type)
  assert.ok(found, `there is no ${type}`)
  return found
}

test('webhook before, during and after confirm: one charge, one paid order', async (t) => {
  const shop = await startPayingSystem(t, { webhooks: true })
  await t.test('before the reply', async () => {
    const bought = await shop.reserve()
    await shop.simulator.script('PUT', 'faults', {
      latency: { minMs: 700, maxMs: 700, when: 'after', match: '/confirm' },
    })
    assert.equal((await shop.confirm(bought)).status, 200)
    await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded'] })
    assert.equal((await shop.moneyOf(bought.id)).charges, 1)
  })
  await t.test('three times, delayed, after the reply', async () => {
    const bought = await shop.reserve()
    await shop.simulator.script('PUT', 'faults', {})
    const behaviour = { duplicates: 2, delay: { minMs: 100, maxMs: 300 } }
    await shop.simulator.script('PUT', 'webhooks', { behaviour })
    assert.equal((await shop.confirm(bought)).status, 200)
    await eventually(async () => {
      const { count } = await shop.pool.one(sql.typeAlias('count')`
        select count(*) as count from webhook_events
         where payload -> 'data' -> 'object' ->> 'id' = ${await shop.intentOf(bought.id)}
           and type = 'payment_intent.succeeded' and state = 'processed'`)
      assert.equal(count, 1)
    })
    await shop.becomes(bought.id, { order: 'paid', captured: 1_000 })
    const { count } = await shop.pool.one(sql.typeAlias('count')`
      select count(*) as count from outbox where topic = 'order.paid' and key = ${bought.id}`)
    assert.equal(count, 1)
  })
})

test('one event delivered twenty times at once has one effect', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 4 })
  // Whoever confirmed it died with the answer.
  await crashAfterCharge(shop, bought)
  const event = await eventOf(shop, await shop.madeIntentOf(bought.id), 'payment_intent.succeeded')
  const money = shop.money()
  await Promise.all(Array.from({ length: 20 }, () => handleStripeEvent(money, event)))
  await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid', captured: 1_000 })
  await shop.settledAt(bought.sku, 3)
  const { count } = await shop.pool.one(sql.typeAlias('count')`
    select (select count(*) from outbox where topic = 'order.paid')
      + (select count(*) from stock_commands where kind = 'sell') as count`)
  assert.equal(count + (await countMovesTo(shop.pool, 'paid')), 3)
})

test('events in the wrong order end as those in the right one', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, 402)
  assert.equal((await shop.confirm(bought)).status, 200)
  const money = shop.money()
  const events = await eventsOf(shop, await shop.intentOf(bought.id))
  for (const event of [...events.toReversed(), ...events]) await handleStripeEvent(money, event)
  await shop.becomes(bought.id, {
    order: 'paid',
    attempts: ['declined', 'succeeded'],
    captured: 1_000,
    refunded: 0,
  })
})

test('a late word of an earlier decline does not decline the attempt in flight', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, 402)
  const failed = await eventOf(
    shop,
    await shop.intentOf(bought.id),
    'payment_intent.payment_failed',
  )
  await shop.simulator.script('PUT', 'faults', {
    latency: { minMs: 500, maxMs: 500, match: '/confirm' },
  })
  const paying = shop.confirm(bought)
  await shop.becomes(bought.id, { checkout: 'paying' })
  await handleStripeEvent(shop.money(), failed)
  await shop.becomes(bought.id, { checkout: 'paying', attempts: ['declined', 'pending'] })
  assert.equal((await paying).status, 200)
})

test('a decline that is heard after the next attempt has begun is not believed of that one', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  const slow = slowGateway('createAndConfirm')
  const first = confirmAs(shop.money(slow), bought, 'pm_card_chargeDeclined')
  await slow.done
  // Another process asks meanwhile, and the buyer takes another card.
  await shop.reconcile(shop.money())
  await shop.becomes(bought.id, { checkout: 'reserved', attempts: ['declined'] })
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  slow.hear()
  const card = { brand: 'visa', last4: '0002' }
  assert.deepEqual(await first, { tag: 'settled', settlement: { tag: 'unchanged' }, card })
  await shop.becomes(bought.id, { checkout: 'paying', attempts: ['declined', 'requires_action'] })
})

test('an event over the wrong amount settles nothing and is flagged', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  await crashAfterCharge(shop, bought)
  const event = await eventOf(shop, await shop.madeIntentOf(bought.id), 'payment_intent.succeeded')
  for (const wrong of [
    { amount: 1, amount_received: 1 },
    { amount_received: 1 },
    { currency: 'usd' },
  ]) {
    const forged = forge(event, wrong)
    await assert.rejects(handleStripeEvent(shop.money(), forged), PaymentMismatch)
  }
  await shop.becomes(bought.id, { checkout: 'paying', order: 'awaiting_payment', payment: 'open' })
  const { count } = await shop.pool.one(sql.typeAlias('count')`
    select count(*) as count from payments where flagged is not null`)
  assert.equal(count, 1)
})

test('an event that cannot be read, or contradicts the order, is of no use at a second look either', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  await crashAfterCharge(shop, bought)
  const event = await eventOf(shop, await shop.madeIntentOf(bought.id), 'payment_intent.succeeded')
  const plain: object = event
  const unreadable: unknown[] = [
    { ...plain, data: undefined },
    { ...plain, data: { object: null } },
    { ...plain, data: { object: {} } },
    forge(event, { currency: null }),
    forge(event, { amount: 'much' }),
    { ...plain, type: 'refund.updated', data: { object: { id: 7 } } },
    forge(event, { amount: 1, amount_received: 1 }),
  ]
  for (const each of unreadable) {
    await assert.rejects(handleStripeEvent(shop.money(), each as Stripe.Event), PermanentFailure)
  }
  await shop.becomes(bought.id, { checkout: 'paying', payment: 'open' })
})

test('a buyer whose answer was lost with its process is confirmed by the event alone', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  await crashAfterCharge(shop, bought)
  const intent = await shop.madeIntentOf(bought.id)
  assert.equal((await shop.money().store.payment(bought.id))?.intentId, null)
  const event = await eventOf(shop, intent, 'payment_intent.succeeded')
  await handleStripeEvent(shop.money(), event)
  await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid', captured: 1_000 })
  assert.equal((await shop.money().store.payment(bought.id))?.intentId, intent)
})

test('what is asked after an event is never believed of an attempt that was made meanwhile', async (t) => {
  const shop = await startPayingSystem(t, { settings: { MAX_PAYMENT_ATTEMPTS: '2' } })
  const bought = await shop.reserve({ units: 2 })
  assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, 402)
  const event = await eventOf(shop, await shop.intentOf(bought.id), 'payment_intent.payment_failed')
  const slow = slowGateway('retrieveIntent')
  const handled = handleStripeEvent(shop.money(slow), event)
  await slow.done
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  slow.hear()
  await handled
  await shop.becomes(bought.id, { checkout: 'paying', attempts: ['declined', 'requires_action'] })
})

test('the bank that was asked for one attempt is not with the next', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  const intent = await shop.intentOf(bought.id)
  const event = await eventOf(shop, intent, 'payment_intent.requires_action')
  const slow = slowGateway('retrieveIntent')
  const handled = handleStripeEvent(shop.money(slow), event)
  await slow.done
  await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, { outcome: 'fail' })
  const told = await shop.confirm(bought, 'pm_card_authenticationRequired')
  assert.equal(told.status, 402)
  const { id, buyer } = bought
  const again = { checkoutId: id, buyerId: buyer, paymentMethodId: 'pm_card_visa' }
  assert.equal((await shop.money().store.begin({ ...again, queue: false }))?.attempt, 2)
  slow.hear()
  await handled
  await shop.becomes(id, { checkout: 'paying', attempts: ['declined', 'pending'] })
})

test('an event about another intent, account or shop moves nothing', async (t) => {
  const shop = await startPayingSystem(t)
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  const other = await shop.reserve()
  await crashAfterCharge(shop, other)
  const paid = await eventOf(shop, await shop.madeIntentOf(other.id), 'payment_intent.succeeded')
  const event = forge(paid, {
    id: await shop.intentOf(bought.id),
    metadata: { checkoutId: bought.id },
  })
  const money = shop.money()
  assert.equal(
    await handleStripeEvent(money, forge(event, {}, { account: 'acct_somebody' })),
    'ignored',
  )
  assert.equal(
    await handleStripeEvent(
      money,
      forge(event, { id: 'pi_other', metadata: { checkoutId: newId() } }),
    ),
    'ignored',
  )
  assert.equal(
    await handleStripeEvent(money, forge(event, { id: 'pi_other', metadata: {} })),
    'ignored',
  )
  await assert.rejects(handleStripeEvent(money, forge(event, { id: 'pi_other' })), PaymentMismatch)
  await shop.becomes(bought.id, { checkout: 'paying', order: 'awaiting_payment', captured: 0 })
})

test('a buyer who authenticates is confirmed by the event, or by asking again', async (t) => {
  const shop = await startPayingSystem(t)
  const authenticate = async (id: string, outcome: string) => {
    const intent = await shop.intentOf(id)
    await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, { outcome })
    return intent
  }
  const first = await shop.reserve()
  const asked = await shop.confirm(first, 'pm_card_authenticationRequired')
  assert.equal(asked.status, 202)
  assert.match(String(asked.body.clientSecret), /^pi_\w+_secret_\w+$/)
  const joined = await shop.confirm(first, 'pm_card_authenticationRequired')
  assert.equal(joined.body.clientSecret, asked.body.clientSecret)
  const intent = await authenticate(first.id, 'succeed')
  await handleStripeEvent(shop.money(), await eventOf(shop, intent, 'payment_intent.succeeded'))
  await shop.becomes(first.id, { order: 'paid' })

  const second = await shop.reserve()
  assert.equal((await shop.confirm(second, 'pm_card_authenticationRequired')).status, 202)
  await authenticate(second.id, 'succeed')
  assert.equal((await shop.confirm(second, 'pm_card_authenticationRequired')).status, 200)

  const third = await shop.reserve()
  assert.equal((await shop.confirm(third, 'pm_card_authenticationRequired')).status, 202)
  const failed = await authenticate(third.id, 'fail')
  await handleStripeEvent(
    shop.money(),
    await eventOf(shop, failed, 'payment_intent.payment_failed'),
  )
  await shop.becomes(third.id, { checkout: 'reserved', attempts: ['declined'] })
  assert.equal((await shop.confirm(third)).status, 200, 'and may use another card')
})

/** The event with other members, and other members of its object. */
function forge(event: Stripe.Event, object: object, more: object = {}): Stripe.Event {
  const data = { object: { ...event.data.object, ...object } }
  return JSON.parse(JSON.stringify({ ...event, ...more, data })) as Stripe.Event
}

/** Charges at the provider, with nobody left to settle it. */
function crashAfterCharge(shop: PayingSystem, bought: Bought): Promise<void> {
  return confirmAndDie(shop.money({ wrap: dyingAt('after createAndConfirm') }), bought)
}
