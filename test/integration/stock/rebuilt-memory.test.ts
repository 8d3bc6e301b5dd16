// What a rebuilt gate remembers of its buyers was gathered in places that are soon forgotten; in place, it stays.
import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { requestsKey, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { StockWorld } from '../../support/stock-world.ts'

const daySeconds = 86_400

test('after a rebuild counts and holders do not expire, and requests not within a day', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, limit: 1 })
  const [buyerId, key] = [newId(), newId()]
  const checkoutId = await world.granted(sku, { buyerId, key })
  await owner.runDry()
  await world.redis.flushall()
  await owner.actor.tend()

  const partition = partitionOf(sku)
  const { buyers, holders } = skuKeys(partition, sku)
  const requests = requestsKey(partition, systemClock.now(), 0)
  const there = await world.redis.keys('*')
  for (const name of [buyers, holders, requests]) assert.ok(there.includes(name), name)
  for (const name of there) {
    const seconds = await world.redis.ttl(name)
    if (name === requests) assert.ok(seconds > daySeconds, `${name} lives ${seconds} s`)
    else assert.equal(seconds, -1, `${name} lives ${seconds} s`)
  }
  const repeated = { tag: 'repeated', checkoutId, fingerprint: `${sku}*1` }
  assert.deepEqual(await world.admit(sku, { buyerId, key, gate: world.newGate() }), repeated)
  assert.deepEqual(await world.admit(sku, { buyerId }), { tag: 'over_limit', limit: 1 })
})
