// Money that comes after its hold has ended: honoured if the units are there, else given back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { cancelIntent } from '../../../src/flows/pay/cancel-intent.ts'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { resumeReclaims } from '../../../src/flows/pay/resume.ts'
import { runRefunds } from '../../../src/flows/pay/run-refunds.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bought, type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { endCheckout } from '../../support/purchases/change.ts'

/** Asked by the bank, expired, and authenticated after that. */
async function expireThenPay(shop: PayingSystem, bought: Bought): Promise<void> {
  const money = shop.money()
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  await shop.expireIn(bought.id, -1)
  assert.equal(await expireHolds(money), 1)
  await shop.becomes(bought.id, { checkout: 'expired', order: 'expired', lines: ['expired'] })
  const intent = await shop.intentOf(bought.id)
  await shop.simulator.script('POST', `payment_intents/${intent}/authenticate`, {
    outcome: 'succeed',
  })
}

/** Keeps the shop from cancelling intents by itself, so that the buyer can be late. */
async function holdCancels({ pool }: PayingSystem): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    create function hold_cancels() returns trigger language plpgsql as $$
      begin
        if new.topic = 'payment.cancel' then new.due_at = now() + interval '1 hour'; end if;
        return new;
      end $$`)
  await pool.query(sql.typeAlias('none')`
    create trigger hold_cancels before insert on outbox for each row execute function hold_cancels()`)
}

test('a payment that succeeds after its hold expired is honoured while units are free', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  await holdCancels(shop)
  const bought = await shop.reserve({ units: 3, quantity: 2, limit: 2 })
  await expireThenPay(shop, bought)
  await shop.settledAt(bought.sku, 3)
  await cancelIntent(shop.money(), bought.id)
  await shop.becomes(bought.id, {
    checkout: 'confirmed',
    order: 'paid',
    captured: 2_000,
    refunded: 0,
    lines: ['paid'],
  })
  await shop.settledAt(bought.sku, 1)
  assert.equal((await shop.ledgerOf(bought.sku)).sold, 2)
})

test('charged after stock hit zero: refunded at once and in full, and the buyer is told', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  await holdCancels(shop)
  const bought = await shop.reserve({ units: 1 })
  await expireThenPay(shop, bought)
  await shop.settledAt(bought.sku, 1)
  const winner = await shop.reserveOf(bought.sku)
  assert.equal((await shop.confirm(winner)).status, 200)
  await cancelIntent(shop.money(), bought.id)
  await shop.becomes(bought.id, {
    checkout: 'expired',
    order: 'refunded',
    captured: 1_000,
    refunded: 1_000,
  })
  await shop.settledAt(bought.sku, 0)
  const ledger = await shop.ledgerOf(bought.sku)
  assert.deepEqual([ledger.sold, ledger.held], [1, 0])
  assert.equal((await shop.moneyOf(bought.id)).refunded, 1_000)
  const { count } = await shop.pool.one(sql.typeAlias('count')`
    select count(*) as count from outbox where topic = 'payment.refunded' and payload ->> 'reason' = 'late'`)
  assert.equal(count, 1)
})

test('of several SKUs, all come back or none', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  await holdCancels(shop)
  const buyer = newId()
  const [first, second] = [await shop.addSku({ units: 2 }), await shop.addSku({ units: 1 })]
  const placed = await eventually(async () => {
    const items = [first, second].map((sku) => ({ sku, quantity: 1 }))
    const answer = await shop.place(buyer, items, { wait: 10 })
    assert.equal(answer.status, 201)
    return answer
  })
  const bought = { id: placed.body.id, buyer, sku: second }
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  await shop.expireIn(bought.id, -1)
  await expireHolds(shop.money())
  await shop.settledAt(second, 1)
  await shop.reserveOf(second)
  await shop.simulator.script(
    'POST',
    `payment_intents/${await shop.intentOf(bought.id)}/authenticate`,
    { outcome: 'succeed' },
  )
  await cancelIntent(shop.money(), bought.id)
  await shop.becomes(bought.id, { order: 'refunded', refunded: 2_000 })
  await shop.settledAt(first, 2)
  await shop.settledAt(second, 0)
})

test('late money whose process dies between reclaim and decision is decided by the job', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  await holdCancels(shop)
  const bought = await shop.reserve({ units: 1 })
  await expireThenPay(shop, bought)
  await shop.stopWorkers()
  const nowhere = { post: async () => {} }
  const hasty = { ...shop.money({ strategy: nowhere }), clock: instantClock(shop) }
  await cancelIntent(hasty, bought.id)
  await shop.becomes(bought.id, { checkout: 'expired', captured: 1_000 })
  await shop.startWorker()
  await eventually(async () => {
    await resumeReclaims(shop.money(), 0)
    await shop.becomes(bought.id, { checkout: 'confirmed', order: 'paid', refunded: 0 }, 0)
  })
  await shop.settledAt(bought.sku, 0)
})

test('a checkout that its buyer gave up is refunded, not revived', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  await holdCancels(shop)
  const bought = await shop.reserve({ units: 3 })
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  // As an operator or a bar would end it, while the bank waits for the buyer.
  await endCheckout(shop.pool, bought.id, 'cancelled')
  await shop.simulator.script(
    'POST',
    `payment_intents/${await shop.intentOf(bought.id)}/authenticate`,
    { outcome: 'succeed' },
  )
  await cancelIntent(shop.money(), bought.id)
  await shop.becomes(bought.id, { checkout: 'cancelled', captured: 1_000, refunded: 1_000 })
})

test('expiry at the instant of payment: sold and paid, or free and not charged', async (t) => {
  const shop = await startPayingSystem(t)
  const sku = await shop.addSku({ units: 12 })
  const all = await Promise.all(Array.from({ length: 12 }, () => shop.reserveOf(sku)))
  const money = shop.money()
  const answers = await Promise.all(
    all.map(async (bought, i) => {
      await shop.expireIn(bought.id, i / 100)
      const [answer] = await Promise.all([
        shop.confirm(bought),
        expireHolds(money),
        expireHolds(money),
      ])
      return answer
    }),
  )
  await eventually(async () => {
    await expireHolds(money)
    await runRefunds(money)
    for (const [i, { id }] of all.entries()) {
      const { checkout, order } = await shop.stateOf(id)
      const paid = answers[i]?.status === 200
      assert.deepEqual([checkout, order], paid ? ['confirmed', 'paid'] : ['expired', 'expired'])
      const { captured, refunded } = await shop.moneyOf(id)
      assert.equal(captured - refunded, paid ? 1_000 : 0)
    }
  })
  const paid = answers.filter(({ status }) => status === 200).length
  await shop.settledAt(sku, 12 - paid)
  assert.equal((await shop.ledgerOf(sku)).sold, paid)
})

test('cancel racing with payment: one of them wins', async (t) => {
  const shop = await startPayingSystem(t)
  const sku = await shop.addSku({ units: 10 })
  const all = await Promise.all(Array.from({ length: 10 }, () => shop.reserveOf(sku)))
  let paid = 0
  for (const bought of all) {
    const [cancel, confirm] = await Promise.all([
      shop.call('DELETE', `/api/checkouts/${bought.id}`, { buyer: bought.buyer }),
      shop.confirm(bought),
    ])
    const { checkout } = await shop.stateOf(bought.id)
    if (confirm.status === 200) {
      assert.deepEqual([cancel.status, checkout], [409, 'confirmed'])
      paid += 1
    } else {
      assert.deepEqual([cancel.status, confirm.status, checkout], [204, 409, 'cancelled'])
      assert.equal((await shop.moneyOf(bought.id)).captured, 0)
    }
  }
  await shop.settledAt(sku, 10 - paid)
})

/** A clock on which no waiting takes time. */
function instantClock(shop: PayingSystem) {
  const { clock } = shop.money()
  let ahead = 0
  return {
    ...clock,
    monotonic: () => clock.monotonic() + ahead,
    sleep: async (ms: number) => {
      ahead += ms
    },
  }
}
