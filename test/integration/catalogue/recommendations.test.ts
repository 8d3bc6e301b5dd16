// Recommendations: they find what belongs together, never what cannot be bought, and follow real orders.
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import {
  makeHistory,
  measurePrecision,
  storeHistory,
} from '../../../bench/ground/purchase-history.ts'
import { countOrders } from '../../../src/catalogue/count-orders.ts'
import { recommend } from '../../../src/catalogue/recommend.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startCatalogue, stored, storedVariant } from '../../support/catalogue.ts'
import { eventually } from '../../support/eventually.ts'
import { startOrderSystem } from '../../support/orders.ts'
import { writePaidOrder } from '../../support/purchases/write.ts'

const PairRow = z.object({ product_id: z.string(), other_id: z.string(), orders: z.number() })

async function world(t: Parameters<typeof startCatalogue>[0]) {
  const catalogue = await startCatalogue(t)
  const { pool } = catalogue
  return {
    ...catalogue,
    idsFor: async (id: string, limit = 20) =>
      (await recommend(pool, id, limit))?.map((each) => each.id),
    order: (skus: readonly string[]): Promise<string> =>
      writePaidOrder(
        pool,
        newId(),
        skus.map((sku) => ({ sku, title: 'x', units: 1, unitPrice: 100 })),
      ),
    count: (ids: readonly string[]) => pool.transaction((tx) => countOrders(tx, ids)),
    pairs: () =>
      pool.any(sql.type(PairRow)`
        select product_id, other_id, orders from product_pairs order by product_id, other_id`),
  }
}

test('on a history of known structure four of five belong together, where popular ones hardly do', async (t) => {
  const { pool } = await startCatalogue(t)
  const history = makeHistory({ products: 150, orders: 1_000, seed: 3 })
  await storeHistory(pool, history)
  const { recommended, popular } = await measurePrecision(pool, history)
  assert.ok(recommended >= 0.8, `precision@5 is ${recommended}`)
  assert.ok(popular <= 0.1, `of popular ones ${popular}`)
})

test('never the product itself, nothing out of stock by the ledger, nothing archived', async (t) => {
  const { pool, add, order, count, idsFor } = await world(t)
  const shop = Array.from({ length: 6 }, () => stored())
  const [first, sold, archived, ...others] = shop
  assert.ok(first && sold && archived)
  await add(shop)
  const skus = shop.flatMap(({ variants }) => variants.map(({ sku }) => sku))
  await count([await order(skus), await order(skus)])
  assert.equal((await idsFor(first.id))?.length, 5)
  // No flag knows of it yet: the ledger is asked.
  await pool.query(sql.typeAlias('none')`
    update ledger set free = 0, sold = on_hand where sku = ${sold.variants[0]?.sku ?? ''}`)
  await pool.query(sql.typeAlias('none')`
    update products set archived_at = now() where id = ${archived.id}`)
  const found = (await idsFor(first.id)) ?? []
  assert.deepEqual([...found].sort(), others.map(({ id }) => id).sort())
  assert.equal(await idsFor(archived.id), undefined)
  assert.equal((await idsFor(first.id, 2))?.length, 2)
})

test('without a history, what is alike comes first and what is popular after it', async (t) => {
  const { add, order, count, idsFor } = await world(t)
  const like = (category: string, price: number, color: string) =>
    stored({ category, variants: [storedVariant({ price, options: { color } })] })
  const [lamp, twin, cousin, favourite] = [
    like('lamps', 1_000, 'red'),
    like('lamps', 1_100, 'red'),
    like('lamps', 9_000, 'blue'),
    like('shoes', 1_000, 'green'),
  ]
  await add([lamp, cousin, favourite, twin])
  await count([await order([favourite.variants[0]?.sku ?? ''])])
  assert.deepEqual(await idsFor(lamp.id), [twin.id, cousin.id, favourite.id])
})

test('an order counts once, however often and by however many it is counted', async (t) => {
  const { add, order, count, pairs } = await world(t)
  const shop = Array.from({ length: 8 }, () => stored())
  await add(shop)
  const sku = (i: number) => shop[i % 8]?.variants[0]?.sku ?? ''
  const orders = await Promise.all(
    Array.from({ length: 40 }, (_, i) => order([sku(i), sku(i + 1), sku(i + 3)])),
  )
  await Promise.all(
    Array.from({ length: 6 }, (_, i) => count(i % 2 === 0 ? orders : orders.toReversed())),
  )
  const counted = await pairs()
  assert.equal(
    counted.reduce((sum, { orders: times }) => sum + times, 0),
    40 * 6,
  )
  for (const { product_id, other_id, orders: times } of counted) {
    const back = counted.find(
      (pair) => pair.product_id === other_id && pair.other_id === product_id,
    )
    assert.equal(back?.orders, times, 'a pair is one both ways')
  }
})

test('a paid order of two products recommends each with the other', async (t) => {
  const shop = await startOrderSystem(t)
  const [first, second] = [await shop.addSku(), await shop.addSku()]
  const others = [await shop.addSku(), await shop.addSku()]
  assert.equal(others.length, 2)
  const Row = z.object({ sku: z.string(), product_id: z.string() })
  const rows = await shop.pool.any(sql.type(Row)`select sku, product_id from variants`)
  const idOf = (sku: string) => rows.find((row) => row.sku === sku)?.product_id
  await shop.paid([
    { sku: first, quantity: 1 },
    { sku: second, quantity: 1 },
  ])
  await eventually(async () => {
    const answer = await shop.call('GET', `/api/products/${idOf(first)}/recommendations?limit=1`)
    assert.equal(answer.status, 200)
    assert.deepEqual(
      (JSON.parse(JSON.stringify(answer.body.items)) as { id: string }[]).map(({ id }) => id),
      [idOf(second)],
    )
    const counted = await shop.pool.one(sql.typeAlias('count')`
      select count(*) as count from product_pairs`)
    assert.equal(counted.count, 2)
  })
})
