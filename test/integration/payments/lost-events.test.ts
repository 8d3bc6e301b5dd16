// Webhooks that are lost for good, by the hundred, and buyers who wait for what they would have told.
import assert from 'node:assert/strict'
import test from 'node:test'
import { handleStripeEvent } from '../../../src/flows/pay/handle-event.ts'
import { settleInGroups } from '../../../src/kernel/settle-in-groups.ts'
import { createEventWalk } from '../../../src/payments/event-walk.ts'
import { stripeLists } from '../../../src/payments/stripe-lists.ts'
import { claimDueWebhooks, processWebhooks } from '../../../src/payments/webhook-events.ts'
import { WebhookInbox } from '../../../src/payments/webhook-inbox.ts'
import { silent } from '../../support/background.ts'
import { assertKept } from '../../support/guarantees.ts'
import { startPayingSystem } from '../../support/paying.ts'
import { countMovesTo } from '../../support/purchases/count.ts'
import { testStripeKey } from '../../support/simulator.ts'

/** Two events of each: the bank asks the buyer, the payment succeeds. */
const buyers = 125

test('buyers whose banks said yes, and whose 250 events were all lost, have paid orders after the walk', async (t) => {
  const shop = await startPayingSystem(t, { settings: { RATE_LIMIT_PER_MINUTE: '0' } })
  const sku = await shop.addSku({ units: buyers })
  const all = Array.from({ length: buyers })
  const placed = await settleInGroups(all, 25, () => shop.reserveOf(sku))
  const bought = placed.map((each) => {
    assert.equal(each.status, 'fulfilled')
    return each.value
  })
  // From here on nobody but the test handles an event, or asks the provider about an attempt.
  await shop.stopWorkers()
  const paid = await settleInGroups(bought, 25, async (each) => {
    const asked = await shop.confirm(each, 'pm_card_authenticationRequired')
    assert.equal(asked.status, 202, JSON.stringify(asked.body))
    const intent = String(asked.body.clientSecret).replace(/_secret_.*/, '')
    await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, {
      outcome: 'succeed',
    })
  })
  assert.ok(paid.every(({ status }) => status === 'fulfilled'))
  assert.equal(await countMovesTo(shop.pool, 'paid'), 0)

  const { pool } = shop
  const money = shop.money()
  const { clock, random } = money
  const lists = stripeLists({ secretKey: testStripeKey, apiBase: shop.simulator.url, clock })
  const walk = createEventWalk({
    ...{ pool, lists, clock, log: silent },
    inbox: new WebhookInbox(pool, clock),
  })
  // As after the restart of a worker: another one may have walked when there was nothing yet.
  await walk.want()
  assert.equal(await walk.run(), 2 * buyers)
  const handle = (event: Parameters<typeof handleStripeEvent>[1]) => handleStripeEvent(money, event)
  for (const queue of ['facts', 'hints'] as const) {
    const ids = await claimDueWebhooks(pool, queue, 2 * buyers)
    assert.equal(ids.length, buyers)
    await processWebhooks({ pool, handle, log: silent, random }, ids)
  }
  assert.equal(await countMovesTo(pool, 'paid'), buyers)
  await shop.startWorker()
  await shop.settledAt(sku, 0)
  await assertKept(shop)
})
