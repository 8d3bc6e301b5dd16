// Another card while the bank waits for the buyer, on a whole shop.
import assert from 'node:assert/strict'
import test from 'node:test'
import { decideReplacement } from '../../../src/flows/pay/money/replace-attempt.ts'
import { startPayingSystem } from '../../support/paying.ts'

const asks = 'pm_card_authenticationRequired'
const asksToo = 'pm_card_threeDSecure2Required'

test('another card takes the place of one whose bank waits for the buyer', async (t) => {
  const shop = await startPayingSystem(t, { apis: 2 })

  await t.test('its buyer pays once, with the other card', async () => {
    const bought = await shop.reserve()
    assert.equal((await shop.confirm(bought, asks)).status, 202)
    assert.equal((await shop.confirm(bought)).status, 200)
    await shop.becomes(bought.id, { order: 'paid', attempts: ['replaced', 'succeeded'] })
    const { charges, intents } = await shop.moneyOf(bought.id)
    assert.deepEqual([charges, intents], [1, 1])
  })

  await t.test('the same card joins what is at its bank', async () => {
    const bought = await shop.reserve()
    const first = await shop.confirm(bought, asks)
    const again = await shop.confirm(bought, asks)
    assert.deepEqual([again.status, again.body], [202, first.body])
    await shop.becomes(bought.id, { attempts: ['requires_action'] })
  })

  await t.test('a late yes of the first bank pays, and the other card does not', async () => {
    const bought = await shop.reserve()
    await shop.confirm(bought, asks)
    const money = shop.money()
    const wanted = { paymentMethodId: 'pm_card_visa', queue: false, details: null }
    await money.store.change(bought.id, (facts) => decideReplacement(facts, wanted, money))
    const intent = await shop.intentOf(bought.id)
    const agreed = { outcome: 'succeed' }
    await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, agreed)
    await shop.reconcile(money)
    await shop.becomes(bought.id, { order: 'paid', attempts: ['succeeded', 'abandoned'] })
    assert.equal((await shop.moneyOf(bought.id)).charges, 1)
  })

  await t.test('a card that was replaced counts as a declined one does', async () => {
    const bought = await shop.reserve()
    for (const card of [asks, asksToo, 'pm_card_threeDSecureRequired']) {
      assert.equal((await shop.confirm(bought, card)).status, 202)
    }
    const none = await shop.confirm(bought)
    assert.deepEqual(
      [none.status, none.body.code, none.body.attemptsLeft],
      [409, 'invalid_transition', 0],
    )
    await shop.becomes(bought.id, {
      checkout: 'paying',
      attempts: ['replaced', 'replaced', 'requires_action'],
    })
  })

  await t.test('two cards that are sent at once, twenty times, are charged once', async () => {
    const bought = await shop.reserve()
    await shop.confirm(bought, asks)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        shop.call('POST', `/api/checkouts/${bought.id}/confirm`, {
          buyer: bought.buyer,
          body: { paymentMethodId: i % 2 ? 'pm_card_visa' : 'pm_card_mastercard' },
          url: shop.urls[i % 2] ?? '',
        }),
      ),
    )
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    await shop.becomes(bought.id, { order: 'paid', attempts: ['replaced', 'succeeded'] })
    assert.equal((await shop.moneyOf(bought.id)).charges, 1)
  })
})
