// One contract for every way to reserve stock: the same tests through the same interface, so that what is
// compared sells the same way.
import assert from 'node:assert/strict'
import test, { describe } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import {
  bought,
  type StrategyShop,
  startStrategyShop,
  strategyNames,
  wordOf,
} from '../../support/strategy-shop.ts'

const hour = 3_600_000

/** Resolves when the ledger says so, and everything agrees with it. */
async function settled(
  { world }: StrategyShop,
  sku: string,
  free: number,
  held: number,
): Promise<void> {
  await eventually(async () => {
    const row = await world.ledger(sku)
    assert.deepEqual({ free: row.free, held: row.held }, { free, held })
  })
  await eventually(() => world.assertSound(sku))
}

const countBy = (words: readonly string[]) =>
  Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([k, v]) => [k, v.length]))

for (const name of strategyNames) {
  describe(`the strategy ${name}`, () => {
    test('sells exactly the stock to 200 buyers at once', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 70 })
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, () => shop.buy([{ sku, quantity: 1 }])),
      )
      assert.deepEqual(countBy(outcomes.map(wordOf)), { reserved: 70, sold_out: 130 })
      await settled(shop, sku, 0, 70)
    })

    test('sells the last unit to one of 50 buyers', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 1 })
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => shop.buy([{ sku, quantity: 1 }])),
      )
      assert.deepEqual(countBy(outcomes.map(wordOf)), { reserved: 1, sold_out: 49 })
      await settled(shop, sku, 0, 1)
    })

    test('keeps the limit of a buyer who asks many times at once', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 50, limit: 3 })
      const buyerId = newId()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => shop.buy([{ sku, quantity: 1 }], { buyerId })),
      )
      assert.deepEqual(countBy(outcomes.map(wordOf)), { reserved: 3, purchase_limit: 17 })
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 3 }])), 'reserved')
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 4 }])), 'purchase_limit')
      await settled(shop, sku, 44, 6)
    })

    test('sells up to a raised limit to a buyer who had reached the old one, and to everybody else', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 20, limit: 1 })
      const buyerId = newId()
      const buy = async (quantity: number) =>
        wordOf(await shop.buy([{ sku, quantity }], { buyerId }))
      assert.deepEqual([await buy(1), await buy(1)], ['reserved', 'purchase_limit'])
      await shop.world.changeLimit(sku, 3)
      const [again, other] = await Promise.all([
        buy(2),
        shop.buy([{ sku, quantity: 3 }]).then(wordOf),
      ])
      assert.deepEqual([again, other, await buy(1)], ['reserved', 'reserved', 'purchase_limit'])
      await settled(shop, sku, 14, 6)
    })

    test('answers one key with one checkout, and another body under it with an error', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 50 })
      const same = { buyerId: newId(), key: 'once' }
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => shop.buy([{ sku, quantity: 2 }], same)),
      )
      const first = bought(outcomes[0] as Parameters<typeof bought>[0])
      assert.deepEqual(
        [...new Set(outcomes.map((each) => bought(each).checkout.id))],
        [first.checkout.id],
      )
      assert.equal(outcomes.filter((each) => !bought(each).replayed).length, 1)
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 1 }], same)), 'idempotency_key_reused')
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 2 }], { key: 'once' })), 'reserved')
      await settled(shop, sku, 46, 4)
    })

    test('answers a key after its checkout has ended with that checkout', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 5 })
      const first = bought(await shop.buy([{ sku, quantity: 2 }]))
      await shop.cancel(first.checkout.id, first.buyerId)
      await settled(shop, sku, 5, 0)
      const again = bought(await shop.buy([{ sku, quantity: 2 }], first))
      assert.equal(again.checkout.id, first.checkout.id)
      assert.deepEqual([again.checkout.status, again.replayed], ['cancelled', true])
    })

    test('takes several SKUs all or nothing', async (t) => {
      const shop = await startStrategyShop(t, name)
      const [a, b] = [await shop.world.addSku({ units: 5 }), await shop.world.addSku({ units: 2 })]
      const both = (quantity: number) => [a, b].map((sku) => ({ sku, quantity }))
      const first = bought(await shop.buy(both(1)))
      assert.equal(first.checkout.status, 'reserved')
      assert.equal(first.checkout.total, 2_000)
      const refusal = await shop.buy(both(2))
      assert.equal(wordOf(refusal), 'sold_out')
      assert.equal(refusal.tag === 'refused' && refusal.extras?.members?.sku, b)
      await settled(shop, a, 4, 1)
      await settled(shop, b, 1, 1)
      const unknown = await shop.buy([...both(1), { sku: 'NONE', quantity: 1 }])
      assert.equal(wordOf(unknown), 'not_found')
      await shop.cancel(first.checkout.id, first.buyerId)
      await settled(shop, a, 5, 0)
      await settled(shop, b, 2, 0)
    })

    test('refuses SKUs of two currencies in one checkout', async (t) => {
      const shop = await startStrategyShop(t, name)
      const [a, b] = [
        await shop.world.addSku({ units: 5 }),
        await shop.world.addSku({ units: 5, currency: 'USD' }),
      ]
      const outcome = await shop.buy([a, b].map((sku) => ({ sku, quantity: 1 })))
      assert.equal(wordOf(outcome), 'mixed_currency')
      assert.equal((await shop.world.ledger(a)).held, 0)
    })

    test('gives a cancelled hold back once, however often it is cancelled', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 3, limit: 3 })
      const { checkout, buyerId } = bought(await shop.buy([{ sku, quantity: 3 }]))
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 1 }])), 'sold_out')
      await Promise.all(Array.from({ length: 10 }, () => shop.cancel(checkout.id, buyerId)))
      await settled(shop, sku, 3, 0)
      assert.equal((await shop.checkouts.get(checkout.id, buyerId)).status, 'cancelled')
      // Buyable at once, also by the same buyer.
      assert.equal(wordOf(await shop.buy([{ sku, quantity: 3 }], { buyerId })), 'reserved')
    })

    test('gives expired holds back at the sweep, and only those', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 6, limit: 6 })
      const due = bought(await shop.buy([{ sku, quantity: 4 }]))
      const live = bought(await shop.buy([{ sku, quantity: 2 }]))
      assert.equal(await shop.sweep(), 0)
      await shop.overdue(due.checkout.id)
      const swept = await Promise.all([shop.sweep(), shop.sweep(), shop.sweep()])
      assert.equal(
        swept.reduce((a, b) => a + b),
        1,
      )
      await settled(shop, sku, 4, 2)
      const status = async ({ checkout, buyerId }: typeof due) =>
        (await shop.checkouts.get(checkout.id, buyerId)).status
      assert.deepEqual([await status(due), await status(live)], ['expired', 'reserved'])
      // Nobody is blocked by what has expired.
      assert.equal(
        wordOf(await shop.buy([{ sku, quantity: 4 }], { buyerId: due.buyerId })),
        'reserved',
      )
    })

    test('ends a hold once when the sweep and the buyer meet', async (t) => {
      const shop = await startStrategyShop(t, name)
      const sku = await shop.world.addSku({ units: 20 })
      const holds = await Promise.all(
        Array.from({ length: 10 }, () => shop.buy([{ sku, quantity: 2 }])),
      )
      await shop.overdue()
      await Promise.all([
        ...holds.map((hold) => shop.cancel(bought(hold).checkout.id, bought(hold).buyerId)),
        shop.sweep(),
        shop.sweep(),
      ])
      await settled(shop, sku, 20, 0)
    })

    test('sells within the window of its sale only', async (t) => {
      const shop = await startStrategyShop(t, name)
      const now = systemClock.now()
      const early = await shop.world.addSku({
        units: 5,
        startsAt: new Date(now + hour),
        endsAt: new Date(now + 2 * hour),
      })
      const late = await shop.world.addSku({
        units: 5,
        startsAt: new Date(now - 2 * hour),
        endsAt: new Date(now - hour),
      })
      assert.equal(wordOf(await shop.buy([{ sku: early, quantity: 1 }])), 'sale_not_open')
      assert.equal(wordOf(await shop.buy([{ sku: late, quantity: 1 }])), 'sale_ended')
      assert.equal((await shop.world.ledger(early)).held, 0)
    })

    test('knows what it does not sell', async (t) => {
      const shop = await startStrategyShop(t, name)
      assert.equal(wordOf(await shop.buy([{ sku: 'NONE', quantity: 1 }])), 'not_found')
    })

    test('lets crossed baskets neither wait for each other nor sell a unit twice', async (t) => {
      const shop = await startStrategyShop(t, name)
      const skus = [await shop.world.addSku({ units: 15 }), await shop.world.addSku({ units: 15 })]
      const lines = (flip: boolean) =>
        (flip ? skus : skus.toReversed()).map((sku) => ({ sku, quantity: 1 }))
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, (_, i) => shop.buy(lines(i % 2 === 0))),
      )
      const held = outcomes.filter((each) => wordOf(each) === 'reserved').length
      assert.ok(held > 0 && held <= 15)
      for (const sku of skus) await settled(shop, sku, 15 - held, held)
    })
  })
}
