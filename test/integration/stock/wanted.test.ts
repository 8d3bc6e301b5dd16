// More SKUs of one partition are asked for at once than one pass builds gates for.
import assert from 'node:assert/strict'
import test from 'node:test'
import { partitionKeys } from '../../../src/stock/protocol/keys.ts'
import { StockWorld } from '../../support/stock-world.ts'

test('nobody who asks for a gate is forgotten', async (t) => {
  const world = await StockWorld.start(t)
  const partition = 5
  const owner = await world.takeOver(partition)
  const skus: string[] = []
  for (let i = 0; i < 150; i++) skus.push(await world.addSku({ units: 5 }, partition))
  await world.redis.sadd(partitionKeys(partition).wanted, ...skus)
  for (let i = 0; i < 4; i++) await owner.actor.pass()
  const rows = await Promise.all(skus.map((sku) => world.ledger(sku)))
  assert.equal(rows.filter(({ generation }) => generation > 0).length, skus.length)
})
