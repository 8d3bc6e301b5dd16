// Cards in answers, the purchase as the provider is told of it, and the brake on declined cards.
import assert from 'node:assert/strict'
import test from 'node:test'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startPayingSystem } from '../../support/paying.ts'

const asks = 'pm_card_authenticationRequired'
const visa = { brand: 'visa', last4: '4242' }
const shipping = {
  name: 'Zoë Buyer',
  address: { line1: '12 Rue de la Paix', city: 'Paris', postalCode: '75002', country: 'FR' },
}

test('cards, and what the provider is told of them', async (t) => {
  const settings = { STRIPE_RECEIPT_EMAIL: '1' }
  const shop = await startPayingSystem(t, { apis: 2, settings })
  const intentOf = async (id: string) =>
    shop.simulator.stripe.paymentIntents.retrieve(await shop.intentOf(id))
  const payWith = (bought: { id: string; buyer: string }, body: object, api = 0) =>
    shop.call('POST', `/api/checkouts/${bought.id}/confirm`, {
      ...{ buyer: bought.buyer, body },
      url: shop.urls[api] ?? '',
    })
  const paymentOf = async ({ id, buyer }: { id: string; buyer: string }) =>
    (await shop.call('GET', `/api/orders/${id}`, { buyer })).body.payment as { card: object | null }

  await t.test('a buyer sees which card has paid, at once, again, and in the order', async () => {
    const bought = await shop.reserve()
    for (const method of ['pm_card_visa', 'pm_card_amex']) {
      const { status, body } = await shop.confirm(bought, method)
      assert.deepEqual([status, body.card], [200, visa])
    }
    assert.deepEqual((await paymentOf(bought)).card, visa)
  })

  await t.test(
    'a buyer sees which card was declined, and which one the bank asks about',
    async () => {
      const bought = await shop.reserve()
      const no = await shop.confirm(bought, 'pm_card_chargeDeclined')
      assert.deepEqual([no.status, no.body.card], [402, { brand: 'visa', last4: '0002' }])
      const ask = await shop.confirm(bought, asks)
      assert.deepEqual([ask.status, ask.body.card], [202, { brand: 'visa', last4: '3184' }])
      const other = await shop.confirm(bought, 'pm_card_mastercard')
      assert.deepEqual(
        [other.status, other.body.card],
        [200, { brand: 'mastercard', last4: '4444' }],
      )
    },
  )

  await t.test(
    'confirms with two cards side by side name the card of the one attempt',
    async () => {
      const bought = await shop.reserve()
      await shop.simulator.script('PUT', 'faults', { latency: { minMs: 150, maxMs: 150 } })
      const answers = await Promise.all(
        [0, 1].map((api) =>
          payWith(bought, { paymentMethodId: api ? 'pm_card_visa' : 'pm_card_mastercard' }, api),
        ),
      )
      await shop.simulator.script('DELETE', 'faults')
      const { card } = await paymentOf(bought)
      for (const { status, body } of answers) assert.deepEqual([status, body.card], [200, card])
    },
  )

  await t.test(
    'the provider, its Radar and the statement know the order and the buyer',
    async () => {
      const account = await shop.addSeller()
      const bought = await shop.reserve({ buyer: account })
      const body = { paymentMethodId: 'pm_card_visa', shipping }
      assert.equal((await payWith(bought, body)).status, 200)
      const order = await shop.call('GET', `/api/orders/${bought.id}`, bought)
      const intent = await intentOf(bought.id)
      const { number } = order.body
      assert.deepEqual(intent.metadata, {
        ...{ checkoutId: bought.id, buyerId: account, orderNumber: String(number) },
      })
      assert.deepEqual(
        [intent.description, intent.statement_descriptor_suffix, intent.receipt_email],
        [`Order ${number}`, `NO ${number}`, `${account}@example.com`],
      )
      assert.equal(intent.shipping?.name, shipping.name)
      assert.deepEqual(
        [intent.shipping?.address?.postal_code, intent.shipping?.address?.country],
        ['75002', 'FR'],
      )
      const bad = { ...body, shipping: { ...shipping, address: { line1: 'x', country: 'fr' } } }
      const refused = await payWith(await shop.reserve(), bad)
      assert.deepEqual(
        [refused.status, refused.body.errors[0]?.path],
        [400, 'shipping.address.country'],
      )
    },
  )

  await t.test(
    'a payment that an older release asked for in other words is found, not charged twice',
    async () => {
      const { id, buyer } = await shop.reserve()
      const money = shop.money()
      const { store } = money
      const paymentMethodId = 'pm_card_visa'
      assert.ok(
        await store.begin({ checkoutId: id, buyerId: buyer, paymentMethodId, queue: false }),
      )
      await shop.simulator.stripe.paymentIntents.create(
        {
          ...{ amount: 1_000, currency: 'eur', metadata: { checkoutId: id } },
          ...{ payment_method: paymentMethodId, confirm: true },
        },
        { idempotencyKey: `pay-${id}-1` },
      )
      await shop.reconcile(money)
      await shop.becomes(id, { checkout: 'paying', attempts: ['pending'] })
      assert.equal((await shop.moneyOf(id)).charges, 1, 'the bank may still be at it')
      await shop.pool.query(sql.typeAlias('none')`
      update payment_attempts set sent_at = now() - interval '2 minutes' where checkout_id = ${id}`)
      await shop.reconcile(money)
      await shop.becomes(id, { order: 'paid', attempts: ['succeeded'] })
      assert.equal((await shop.moneyOf(id)).charges, 1)
    },
  )

  await t.test('a debit that takes days is refused in words, and the hold goes on', async () => {
    const bought = await shop.reserve()
    for (const method of ['pm_usBankAccount_success', 'pm_sepaDebit_success_de']) {
      const { status, body } = await shop.confirm(bought, method)
      assert.deepEqual(
        [status, body.code, body.errors[0]?.path],
        [400, 'validation_failed', 'paymentMethodId'],
      )
      assert.match(body.detail, /takes days/)
    }
    assert.equal((await shop.confirm(bought)).status, 200)
    assert.equal((await shop.moneyOf(bought.id)).charges, 1)
  })
})

test('an account with too many declined cards is stopped before the provider is asked', async (t) => {
  const settings = { DECLINES_PER_HOUR: '3', MAX_PAYMENT_ATTEMPTS: '20' }
  const shop = await startPayingSystem(t, { apis: 2, settings })
  const bought = await shop.reserve()
  for (const status of [402, 402, 402]) {
    assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, status)
  }
  const path = `/api/checkouts/${bought.id}/confirm`
  for (const url of shop.urls) {
    const body = { paymentMethodId: 'pm_card_visa' }
    const stopped = await shop.call('POST', path, { buyer: bought.buyer, body, url })
    assert.deepEqual([stopped.status, stopped.body.code], [429, 'rate_limited'])
    assert.ok(Number(stopped.headers.get('retry-after')) > 3_000)
  }
  await shop.becomes(bought.id, { checkout: 'reserved', attempts: Array(3).fill('declined') })

  await t.test('nobody pays under the name of another account', async () => {
    const other = await shop.reserve()
    const stranger = { ...bought, buyer: other.buyer }
    assert.equal((await shop.confirm(stranger)).status, 404)
    const payer = `{declines}:payer:${bought.id}`
    assert.notEqual(await shop.redis.hget(payer, 'account'), `account:${other.buyer}`)
  })

  await t.test('a buyer beside them who mistypes twice is not stopped', async () => {
    const other = await shop.reserve()
    for (let i = 0; i < 2; i++) {
      assert.equal((await shop.confirm(other, 'pm_card_chargeDeclined')).status, 402)
    }
    assert.equal((await shop.confirm(other)).status, 200)
    const paid = await shop.confirm(other)
    assert.equal(paid.status, 200)
  })

  await t.test('another account at the same address is stopped in the end', async () => {
    const tried: number[] = []
    for (let i = 0; i < 5; i++) {
      const next = await shop.reserve()
      for (let n = 0; n < 3; n++) {
        tried.push((await shop.confirm(next, 'pm_card_chargeDeclined')).status)
      }
    }
    // 3 times 5 are all that an address has; 5 were declined before.
    assert.deepEqual(
      [tried.slice(0, 10), tried.slice(10)],
      [Array(10).fill(402), Array(5).fill(429)],
    )
  })
})
