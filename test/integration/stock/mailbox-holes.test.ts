// A mailbox with a hole, of a SKU that everybody may buy any number of: nothing but the numbers of its entries
// tells that one is missing. The owner builds the gate anew, and the units of what is lost are sold again.
import assert from 'node:assert/strict'
import test from 'node:test'
import { skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { type Owner, StockWorld } from '../../support/stock-world.ts'

const stock = 8

/** What became of the hole: its SKU was rebuilt, `lost` are gone, and every unit is held by somebody else. */
async function judge(
  world: StockWorld,
  { sku, owner }: { sku: string; owner: Owner },
  { held, lost }: { held: readonly string[]; lost: readonly string[] },
): Promise<void> {
  await owner.runDry()
  assert.equal((await world.gateOf(sku)).generation, 2)
  for (const id of held) assert.equal(await world.statusOf(id), 'reserved')
  for (const id of lost) assert.equal(await world.statusOf(id), null)
  for (let left = stock - held.length; left > 0; left--) await world.granted(sku)
  assert.equal((await world.admit(sku)).tag, 'sold_out')
  await owner.runDry()
  assert.equal((await world.assertSound(sku)).held, stock)
}

/** Takes entries out of the middle of a mailbox, or all of it away. */
async function tear(world: StockWorld, sku: string, ...seqs: number[]): Promise<void> {
  const { mailbox } = skuKeys(partitionOf(sku), sku)
  if (seqs.length === 0) await world.redis.del(mailbox)
  else await world.redis.xdel(mailbox, ...seqs.map((seq) => `1-${seq}`))
}

test('an entry is missing before others: what was committed stays, the rest is lost', async (t) => {
  const world = await StockWorld.start(t)
  const open = await world.open({ units: stock })
  const { sku, owner } = open
  const held = [await world.granted(sku)]
  await owner.runDry()
  const lost = [await world.granted(sku), await world.granted(sku)]
  await tear(world, sku, 2)
  await judge(world, open, { held, lost })
})

test('an entry is missing between others: what stands before the hole is committed', async (t) => {
  const world = await StockWorld.start(t)
  const open = await world.open({ units: stock })
  const { sku, owner } = open
  const held = [await world.granted(sku)]
  await owner.runDry()
  held.push(await world.granted(sku))
  const lost = [await world.granted(sku), await world.granted(sku)]
  await tear(world, sku, 3)
  await judge(world, open, { held, lost })
})

test('the last entries are missing, and nobody buys any more', async (t) => {
  const world = await StockWorld.start(t)
  const open = await world.open({ units: stock })
  const { sku, owner } = open
  const held = [await world.granted(sku)]
  await owner.runDry()
  const lost = [await world.granted(sku), await world.granted(sku)]
  await tear(world, sku)
  await judge(world, open, { held, lost })
})

test('an entry disappears behind those that are being committed', async (t) => {
  const world = await StockWorld.start(t)
  const open = await world.open({ units: stock })
  const { sku, owner } = open
  const held = [await world.granted(sku)]
  const { passing, lost } = await world.whileLocked(sku, async () => {
    const pass = owner.actor.pass()
    await world.blocked(1)
    const behind = [await world.granted(sku)]
    await tear(world, sku)
    return { passing: pass, lost: behind }
  })
  await passing
  await judge(world, open, { held, lost })
})
