// A gate's terms follow the catalogue: of edits that meet the last one stands, also when a gate is being
// built at that moment, and nothing but the terms moves.
import assert from 'node:assert/strict'
import test from 'node:test'
import { offerSource } from '../../../src/flows/reserve/offer-source.ts'
import { AppError } from '../../../src/kernel/errors.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { refreshTerms } from '../../../src/stock/gate/refresh-terms.ts'
import { skuKeys } from '../../../src/stock/protocol/keys.ts'
import type { Terms } from '../../../src/stock/protocol/messages.ts'
import type { Offer, OfferSource } from '../../../src/stock/protocol/offers.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { soldTerms } from '../../support/purchases/agree.ts'
import { StockWorld } from '../../support/stock-world.ts'

const rawGate = (world: StockWorld, sku: string) =>
  world.redis.hgetall(skuKeys(partitionOf(sku), sku).gate)

async function termsOf(world: StockWorld, sku: string): Promise<Terms> {
  return JSON.parse((await rawGate(world, sku)).terms ?? '{}') as Terms
}

const setPrice = (world: StockWorld, sku: string, price: number) =>
  world.pool.query(sql.typeAlias('none')`update variants set price = ${price} where sku = ${sku}`)

/** Offers as they are, with something that happens right after they were read the first time. */
function readThen(world: StockWorld, happens: () => Promise<unknown>): OfferSource {
  const real = offerSource(world.pool)
  let first = true
  return {
    async offers(skus) {
      const read = await real.offers(skus)
      if (first) {
        first = false
        await happens()
      }
      return read
    },
  }
}

test('new terms leave units, generation, cursor and version as they are', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const before = await rawGate(world, sku)
  await setPrice(world, sku, 4_200)
  await refreshTerms(world.gates, offerSource(world.pool), sku)
  const { terms, payable, ...after } = await rawGate(world, sku)
  const { terms: _old, payable: _most, ...rest } = before
  assert.deepEqual(after, rest)
  assert.equal((JSON.parse(terms ?? '') as Terms).price, 4_200)
  assert.equal(payable, String(Math.floor(99_999_999 / 4_200)))
  await world.granted(sku)
  await owner.runDry()
  await world.assertSound(sku)
})

test('one pass over edits of two SKUs writes each order at the terms it was admitted with', async (t) => {
  const world = await StockWorld.start(t)
  const { sku: a, owner } = await world.open({ units: 9 })
  const b = await world.addSku({ units: 9 }, partitionOf(a))
  await world.openGate(owner, b)
  const wanted = new Map<string, number>()
  const buy = async (sku: string, price: number) => {
    await setPrice(world, sku, price)
    await refreshTerms(world.gates, offerSource(world.pool), sku)
    const units = 1 + (wanted.size % 2)
    for (let i = 0; i < 2; i++) wanted.set(await world.granted(sku, { units }), price)
  }
  await buy(a, 4_200)
  await buy(b, 4_200)
  await buy(a, 3_900)
  await buy(b, 5_100)
  await owner.runDry()
  assert.equal(owner.committed.length, 1)
  const orders = await soldTerms(world.pool)
  assert.deepEqual(new Map(orders.map(({ id, price }) => [id, price])), wanted)
  assert.ok(orders.every(({ agree }) => agree))
})

test('what is archived is sold to nobody, and can be sold again', async (t) => {
  const world = await StockWorld.start(t)
  const { sku } = await world.open({ units: 5 })
  const archive = (at: string | null) =>
    world.pool.query(sql.typeAlias('none')`
      update variants set archived_at = ${at}::timestamptz where sku = ${sku}`)
  await archive('2026-01-01')
  await refreshTerms(world.gates, offerSource(world.pool), sku)
  assert.equal((await world.admit(sku)).tag, 'ended')
  await archive(null)
  await refreshTerms(world.gates, offerSource(world.pool), sku)
  await world.granted(sku)
})

test('a sale that comes under another limit is refused by a gate that has not counted for it', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const before = await rawGate(world, sku)
  await world.pool.query(sql.typeAlias('none')`
    insert into sales (id, sku, state, starts_at, ends_at, units, price, per_customer_limit)
    values (${newId()}, ${sku}, 'open', now() - interval '1 hour', now() + interval '1 hour', 5, 100, 1)`)
  const refresh = () => refreshTerms(world.gates, offerSource(world.pool), sku)
  await assert.rejects(refresh, /its gate counts the buyers of another sale.*repair: /)
  assert.deepEqual(await rawGate(world, sku), before)
  // The repair that the error names.
  await world.pool.query(sql.typeAlias('none')`
    update partitions set run_id = null where partition = ${partitionOf(sku)}`)
  await owner.actor.tend()
  await refresh()
  const buyerId = newId()
  await world.granted(sku, { buyerId })
  assert.equal((await world.admit(sku, { buyerId })).tag, 'over_limit')
})

test('a limited SKU that is taken off the shelves and put back has its counts', async (t) => {
  const world = await StockWorld.start(t)
  const { sku } = await world.open({ units: 5, limit: 1 })
  const buyerId = newId()
  await world.granted(sku, { buyerId })
  for (const at of ['2026-01-01', null]) {
    await world.pool.query(sql.typeAlias('none')`
      update variants set archived_at = ${at}::timestamptz where sku = ${sku}`)
    await refreshTerms(world.gates, offerSource(world.pool), sku)
  }
  assert.equal((await world.admit(sku, { buyerId })).tag, 'over_limit')
})

test('a SKU without a gate needs no telling', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 5 })
  await refreshTerms(world.gates, offerSource(world.pool), sku)
  assert.deepEqual(await rawGate(world, sku), {})
})

test('of two edits at once the last one stands, though the first one writes last', async (t) => {
  const world = await StockWorld.start(t)
  const { sku } = await world.open({ units: 5, price: 1_000 })
  await setPrice(world, sku, 2_000)
  // The first edit has read its offer; now the second one comes and is done with before the first writes.
  const offers = readThen(world, async () => {
    await setPrice(world, sku, 3_000)
    await refreshTerms(world.gates, offerSource(world.pool), sku)
  })
  await refreshTerms(world.gates, offers, sku)
  assert.equal((await termsOf(world, sku)).price, 3_000)
})

test('an edit that comes while a lost gate is being built anew is not forgotten', async (t) => {
  const world = await StockWorld.start(t)
  const { sku } = await world.open({ units: 5, price: 1_000 })
  await world.redis.flushall()
  const offers = readThen(world, async () => {
    await setPrice(world, sku, 3_000)
    await refreshTerms(world.gates, offerSource(world.pool), sku)
  })
  const owner = await world.takeOver(partitionOf(sku), { offers })
  await owner.actor.tend()
  await owner.runDry()
  assert.equal((await termsOf(world, sku)).price, 3_000)
})

test('an edit that comes while a first gate is being built is not forgotten', async (t) => {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 5, price: 1_000 })
  const offers = readThen(world, () => setPrice(world, sku, 3_000))
  const owner = await world.takeOver(partitionOf(sku), { offers })
  await world.openGate(owner, sku)
  assert.equal((await termsOf(world, sku)).price, 3_000)
})

test('an offer that never rests is given up on', async (t) => {
  const world = await StockWorld.start(t)
  const { sku } = await world.open({ units: 5 })
  let price = 0
  const restless: OfferSource = {
    offers: async () => {
      price += 1
      const terms = { price, currency: 'EUR', title: sku, sellerId: null, pool: null, limit: null }
      return new Map<string, Offer>([
        [sku, { sku, terms, startsAtMs: null, endsAtMs: null, payable: null }],
      ])
    },
  }
  await assert.rejects(
    refreshTerms(world.gates, restless, sku),
    (error) => error instanceof AppError && error.code === 'overloaded',
  )
})
