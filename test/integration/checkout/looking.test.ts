// What a buyer is told of a checkout that is committed, or lost, at the very moment of the question.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DatabasePool } from 'slonik'
import { Checkouts } from '../../../src/flows/reserve/checkouts.ts'
import { Results } from '../../../src/flows/reserve/results.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { RedisWakes } from '../../../src/stock/gate/redis-wakes.ts'
import { afterFirstQuery } from '../../support/interrupted-pool.ts'
import { StockWorld } from '../../support/stock-world.ts'
import { actorStrategyOf } from '../../support/strategy-shop.ts'

/** A checkout that is admitted and not committed, and what its buyer sees through a pool. */
async function admitted(t: TestContext) {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5 })
  const buyerId = newId()
  const id = await world.granted(sku, { buyerId })
  const strategy = actorStrategyOf(world)
  const results = new Results({
    wakes: new RedisWakes({ publisher: world.redis, subscriber: world.redis }),
    clock: systemClock,
  })
  const look = async (pool: DatabasePool = world.pool) => {
    const { ids } = world
    const checkouts = new Checkouts({ pool, ids, strategy, results, clock: systemClock })
    return (await checkouts.get(id, buyerId)).status
  }
  return { world, owner, look }
}

test('a checkout that is committed just before its generation is closed is not lost', async (t) => {
  const { world, owner, look } = await admitted(t)
  assert.equal(await look(), 'queued')
  const pool = afterFirstQuery(world.pool, async () => {
    await owner.runDry()
    await world.redis.flushall()
    await owner.actor.tend()
  })
  assert.equal(await look(pool), 'reserved')
  assert.equal(await look(), 'reserved')
})

test('a checkout whose generation is closed while its buyer looks, and that nobody committed, is lost', async (t) => {
  const { world, owner, look } = await admitted(t)
  const pool = afterFirstQuery(world.pool, async () => {
    await world.redis.flushall()
    await owner.actor.tend()
  })
  assert.equal(await look(pool), 'lost')
})
