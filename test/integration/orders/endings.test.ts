// However an order ends before it is paid, its lines end with it, and its buyer and every seller see that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { type OrderSystem, startOrderSystem } from '../../support/orders.ts'
import type { Bought } from '../../support/paying.ts'

const endings: Readonly<
  Record<
    string,
    {
      readonly becomes: 'cancelled' | 'expired'
      readonly end: (shop: OrderSystem, bought: Bought) => Promise<unknown>
    }
  >
> = {
  'its buyer cancels it': {
    becomes: 'cancelled',
    end: async (shop, { id, buyer }) => assert.equal((await shop.cancel(id, buyer)).status, 200),
  },
  'its buyer cancels it while the bank waits': {
    becomes: 'cancelled',
    end: async (shop, bought) => {
      assert.equal((await shop.confirm(bought, 'pm_card_authenticationRequired')).status, 202)
      assert.equal((await shop.cancel(bought.id, bought.buyer)).status, 200)
    },
  },
  'its hold is given back': {
    becomes: 'cancelled',
    end: async (shop, bought) => {
      const { status } = await shop.call('DELETE', `/api/checkouts/${bought.id}`, bought)
      assert.equal(status, 204)
    },
  },
  'its last attempt is declined': {
    becomes: 'cancelled',
    end: async (shop, bought) =>
      assert.equal((await shop.confirm(bought, 'pm_card_chargeDeclined')).status, 402),
  },
  'its deadline passes': { becomes: 'expired', end: (shop, { id }) => shop.expireIn(id, -1) },
}

test('an order that ends unpaid ends with all its lines', async (t) => {
  const settings = { MAX_PAYMENT_ATTEMPTS: '1', SWEEP_SECONDS: '1' }
  const shop = await startOrderSystem(t, { settings })
  const sellers = [await shop.addSeller(), await shop.addSeller()]
  const skus = await Promise.all(sellers.map((seller) => shop.addSku({ seller })))
  for (const [name, { becomes, end }] of Object.entries(endings)) {
    await t.test(`when ${name}`, async () => {
      const buyer = newId()
      const placed = await shop.buy(
        buyer,
        skus.map((sku) => ({ sku, quantity: 1 })),
      )
      assert.equal(placed.status, 201, JSON.stringify(placed.body))
      const id = placed.body.orderId as string
      const before = (await shop.look(id, buyer)).body
      assert.deepEqual(
        before.items.map(({ status }) => status),
        ['awaiting_payment', 'awaiting_payment'],
      )
      await end(shop, { id, buyer, sku: skus[0] as string })
      const { items } = await shop.seen(id, buyer, ({ status }) => assert.equal(status, becomes))
      assert.deepEqual(
        items.map(({ status }) => status),
        [becomes, becomes],
      )
      for (const seller of sellers) {
        const { body } = await shop.look(id, seller, 'seller')
        assert.deepEqual(
          [body.status, ...body.items.map(({ status }) => status)],
          [becomes, becomes],
        )
      }
    })
  }
  for (const sku of skus) await shop.settledAt(sku, 10)
})
