// Money and stock, set against each other on purpose: each contradiction is named, and nothing else is.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { asIfWorked, assertBroken, assertKept, check, checkedOf } from '../../support/guarantees.ts'
import { type Bought, type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { cancelWithoutRefund, returnUnits, unsell } from '../../support/purchases/damage.ts'

const none = sql.typeAlias('none')

async function paidShop(t: Parameters<typeof startPayingSystem>[0]) {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve({ units: 5, quantity: 2 })
  assert.equal((await shop.confirm(bought)).status, 200)
  await shop.settledAt(bought.sku, 3)
  await shop.stopWorkers()
  return { shop, bought }
}

test('paid, declined and abandoned checkouts keep every guarantee', async (t) => {
  const { shop } = await paidShop(t)
  await shop.startWorker()
  const declined = await shop.reserve()
  await shop.confirm(declined, 'pm_card_chargeDeclined')
  const asked = await shop.reserve()
  await shop.confirm(asked, 'pm_card_authenticationRequired')
  const report = await assertKept(shop)
  assert.equal(checkedOf(report, 5), 3)
})

const broken: readonly [
  string,
  (shop: PayingSystem, bought: Bought) => Promise<unknown>,
  string,
][] = [
  [
    'money for an order that was cancelled, and nothing on its way back',
    ({ pool }, { id }) =>
      pool.transaction(async (tx) => {
        await cancelWithoutRefund(tx, id)
        await tx.query(none`update ledger set sold = 0, free = 5`)
      }),
    'for an order that is cancelled, of which 0 goes back',
  ],
  [
    'an order that was never paid for',
    ({ pool }, { id }) => pool.query(none`delete from payments where checkout_id = ${id}`),
    'is paid and no payment that succeeded',
  ],
  [
    'a payment that is less than its order',
    ({ pool }, { id }) =>
      pool.query(none`update payments set captured = 1 where checkout_id = ${id}`),
    'and a payment of 1 EUR',
  ],
  [
    'a refund that nobody made',
    ({ pool }, { id }) =>
      pool.query(none`update payments set refunded = 5 where checkout_id = ${id}`),
    'counts 5 as refunded',
  ],
  [
    'a sum of refunds that is more than was captured',
    ({ pool }, { id }) =>
      pool.transaction(async (tx) => {
        await tx.query(none`alter table payments drop constraint payments_given_back_range`)
        await tx.query(none`
          insert into refunds (id, checkout_id, amount, reason) values
            (${newId()}, ${id}, 1500, 'seller'), (${newId()}, ${id}, 1000, 'provider')`)
      }),
    'gives back 2500 of 2000',
  ],
  [
    'a sum of refunds that was counted wrongly',
    ({ pool }, { id }) =>
      pool.query(none`update payments set given_back = 7 where checkout_id = ${id}`),
    'counts 7 as given back, its refunds come to 0',
  ],
  [
    'a unit that came back and that no refund took back',
    ({ pool }, { id, sku }) =>
      pool.transaction(async (tx) => {
        await returnUnits(tx, id, 1)
        await tx.query(none`
          update ledger set sold = sold - 1, free = free + 1 where sku = ${sku}`)
      }),
    'has 1 units back, its refunds say 0',
  ],
  [
    'a unit that is to come back twice',
    ({ pool }, { id, sku }) =>
      pool.transaction(async (tx) => {
        for (const back of [2, 1]) {
          const refund = newId()
          await tx.query(none`
            insert into refunds (id, checkout_id, amount, reason, state)
            values (${refund}, ${id}, 1, 'seller', 'failed')`)
          await tx.query(none`
            insert into refund_lines (refund_id, sku, units, back, amount)
            values (${refund}, ${sku}, ${back}, ${back}, 1)`)
        }
      }),
    'takes 3 of 2 units back',
  ],
]
for (const [name, breakIt, words] of broken) {
  test(`${name} is told`, async (t) => {
    const { shop, bought } = await paidShop(t)
    await breakIt(shop, bought)
    const { report } = await check(shop)
    assert.deepEqual(report.promises[4]?.breaches.length, 1)
    assert.ok(report.promises[4]?.breaches[0]?.includes(words), report.promises[4]?.breaches[0])
  })
}

test('units that are paid for and not sold are told', async (t) => {
  const { shop, bought } = await paidShop(t)
  await shop.pool.transaction(async (tx) => {
    await unsell(tx, bought.id)
    await tx.query(none`update ledger set sold = 0, held = 2`)
  })
  await assertBroken(shop, 5, bought.sku, 'is paid and its units are held')
})

test('a second charge of one checkout is told', async (t) => {
  const { shop, bought } = await paidShop(t)
  await shop.pool.query(none`
    insert into payment_attempts (checkout_id, attempt, payment_method_id, state)
    values (${bought.id}, 2, 'pm_card_visa', 'succeeded')`)
  await assertBroken(shop, 4, bought.sku, 'has 2 attempts that succeeded')
})

test('a checkout that is being paid long after its deadline is told', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
  await asIfWorked(shop)
  await shop.expireIn(bought.id, -600)
  await assertBroken(shop, 6, bought.sku, 'is paying past its deadline')
})
