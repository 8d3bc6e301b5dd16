// What nobody can pay for is not reserved: rows of old with bad prices, and totals beyond one payment.
import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { offerSource } from '../../../src/flows/reserve/offer-source.ts'
import type { Refusal } from '../../../src/flows/reserve/strategy.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { refreshTerms } from '../../../src/stock/gate/refresh-terms.ts'
import {
  type Bought,
  startStrategyShop,
  strategyNames,
  wordOf,
} from '../../support/strategy-shop.ts'
import { startTestSystem } from '../../support/system.ts'

const most = 99_999_999

function assertRefused(outcome: Bought | Refusal, message: RegExp): void {
  assert.equal(wordOf(outcome), 'validation_failed')
  const [error] = (outcome.tag === 'refused' && outcome.extras?.errors) || []
  assert.equal(error?.path, 'items')
  assert.match(error?.message ?? '', message)
}

for (const name of strategyNames) {
  describe(`the strategy ${name}`, () => {
    test('a price of old that nobody can pay reserves nothing, until its seller mends it', async (t) => {
      const { world, buy } = await startStrategyShop(t, name)
      const old = [
        await world.addSku({ units: 5, price: 1 }),
        await world.addSku({ units: 5, currency: 'XXX' }),
        await world.addSku({ units: 5, currency: 'ISK', price: 150 }),
        await world.addSku({ units: 5, currency: 'USD', price: most + 1, limit: 2 }),
      ]
      for (const sku of old) {
        assertRefused(await buy([{ sku, quantity: 2 }]), new RegExp(`Nobody can pay for ${sku}`))
        assert.deepEqual(await world.ledger(sku).then(({ free, held }) => [free, held]), [5, 0])
      }
      const good = await world.addSku({ units: 5, price: 1_000 })
      const both = [old[0] as string, good].map((sku) => ({ sku, quantity: 1 }))
      assertRefused(await buy(both), /Nobody can pay for/)
      await world.pool.query(sql.typeAlias('none')`
        update variants set price = 1000 where sku = ${both[0]?.sku ?? ''}`)
      for (const { sku } of both) await refreshTerms(world.gates, offerSource(world.pool), sku)
      assert.equal(wordOf(await buy(both)), 'reserved')
    })

    test('one payment bounds the units of a SKU, and the total over several', async (t) => {
      const { world, buy } = await startStrategyShop(t, name)
      const dear = await world.addSku({ units: 90, price: 40_000_000 })
      assertRefused(await buy([{ sku: dear, quantity: 3 }]), /at most 2 of /)
      const other = await world.addSku({ units: 90, price: 20_000_000, limit: 9 })
      const ask = (a: number, b: number) =>
        buy([
          { sku: dear, quantity: a },
          { sku: other, quantity: b },
        ])
      assertRefused(await ask(2, 1), /The total is €1,000,000\.00, .* at most €999,999\.99/)
      for (const sku of [dear, other]) {
        const { free, held } = await world.ledger(sku)
        assert.deepEqual([free, held], [90, 0])
      }
      assert.equal(wordOf(await ask(1, 2)), 'reserved')
      assert.equal(wordOf(await buy([{ sku: dear, quantity: 2 }])), 'reserved')
    })

    test('what is free has no bound', async (t) => {
      const { world, buy } = await startStrategyShop(t, name)
      const [a, b] = [
        await world.addSku({ units: 90, price: 0 }),
        await world.addSku({ units: 90, price: 0 }),
      ]
      assert.equal(wordOf(await buy([{ sku: a, quantity: 50 }])), 'reserved')
      const both = [a, b].map((sku) => ({ sku, quantity: 40 }))
      assert.equal(wordOf(await buy(both)), 'reserved')
    })
  })
}

test('the API says so at the items or at the cart, leaves no trace, and the key stays free', async (t) => {
  const shop = await startTestSystem(t)
  const dear = await shop.addSku({ price: 60_000_000 })
  const other = await shop.addSku({ price: 60_000_000 })
  for (const sku of [dear, other]) {
    await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })
    await shop.settledAt(sku, 9)
  }
  const before = [await shop.traces(dear), await shop.traces(other)]
  const [buyer, key] = [newId(), newId()]
  const two = [{ sku: dear, quantity: 2 }]
  const both = [dear, other].map((sku) => ({ sku, quantity: 1 }))
  for (const items of [two, both]) {
    const refused = await shop.place(buyer, items, { key })
    assert.equal(refused.status, 400, JSON.stringify(refused.body))
    assert.equal(refused.body.code, 'validation_failed')
    assert.equal(refused.body.errors[0]?.path, 'items')
    await shop.call('DELETE', '/api/cart', { buyer })
    for (const body of items) await shop.call('POST', '/api/cart/items', { buyer, body })
    const cart = await shop.call('POST', '/api/checkouts', {
      buyer,
      body: { fromCart: true },
      headers: { 'idempotency-key': newId() },
    })
    const [error] = refused.body.errors
    assert.deepEqual([cart.status, cart.body.errors], [400, [{ ...error, path: 'fromCart' }]])
  }
  assert.deepEqual([await shop.traces(dear), await shop.traces(other)], before)
  const placed = await shop.place(buyer, [{ sku: dear, quantity: 1 }], { key, wait: 10 })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
})
