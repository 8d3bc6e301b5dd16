// What a look over many partitions finds that no wake-up told of, on one Redis and on a cluster.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lookout } from '../../../src/actor/actor.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { redisSurvey } from '../../../src/stock/gate/redis-survey.ts'
import { seeLedger } from '../../../src/stock/ledger/see-ledger.ts'
import { stockLookout } from '../../../src/stock/owner/lookout.ts'
import { partitionKeys } from '../../../src/stock/protocol/keys.ts'
import { eventually } from '../../support/eventually.ts'
import { type Owner, StockWorld } from '../../support/stock-world.ts'

const partitions = Array.from({ length: 12 }, (_, i) => i)
/** Looks after which each partition was compared once. */
const round = 3

/** What `round` looks find, together. */
async function looks(lookout: Lookout, count = round) {
  const [waiting, amiss] = [new Set<number>(), new Set<number>()]
  for (let i = 0; i < count; i++) {
    const noticed = await lookout.look(partitions)
    for (const each of noticed.waiting) waiting.add(each)
    for (const each of noticed.amiss) amiss.add(each)
  }
  const sorted = (found: Set<number>) => [...found].sort((a, b) => a - b)
  return { waiting: sorted(waiting), amiss: sorted(amiss) }
}

for (const cluster of [false, true]) {
  const on = cluster ? 'a cluster' : 'one Redis'

  test(`${on}: a look finds what waits, what is overdue and what Redis lost, and nothing else`, async (t) => {
    const world = await StockWorld.start(t, { cluster })
    const { url } = world.redisServer
    const redis = cluster ? openRedis(`${url},${url}`, 'patient', () => {}) : world.redis
    if (cluster) world.onClose(() => redis.disconnect())
    await eventually(() => redis.get('there'))
    const lookout = stockLookout({
      gates: redisSurvey(redis),
      ledger: (some) => seeLedger(world.pool, some),
    })
    const owners: Owner[] = []
    for (const partition of partitions) owners.push(await world.takeOver(partition))
    const sku = await world.addSku({ units: 5 }, 3)
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })

    await redis.sadd(partitionKeys(3).wanted, sku)
    assert.deepEqual(await looks(lookout), { waiting: [3], amiss: [] })
    await owners[3]?.runDry()
    await world.granted(sku)
    assert.deepEqual(await looks(lookout, 1), { waiting: [3], amiss: [] })
    await owners[3]?.runDry()
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })

    await world.command('restock', sku, { units: 1, post: false })
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })
    await world.age()
    assert.deepEqual(await looks(lookout, 1), { waiting: [], amiss: [3] })
    await owners[3]?.actor.tend()
    await owners[3]?.runDry()
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })

    await redis.hset(partitionKeys(7).partition, 'open', 0)
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [7] })
    await owners[7]?.actor.tend()
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })

    await world.redis.flushall()
    assert.deepEqual(await looks(lookout, 1), { waiting: [], amiss: partitions })
    for (const { actor } of owners) await actor.tend()
    assert.deepEqual(await looks(lookout), { waiting: [], amiss: [] })

    await world.redisServer.kill('SIGKILL')
    await world.redisServer.restart()
    await eventually(() => redis.get('there'))
    assert.deepEqual(await looks(lookout, 1), { waiting: [], amiss: partitions })
  })
}

test('a look costs one Redis a handful of commands, however many partitions there are', async (t) => {
  const world = await StockWorld.start(t)
  const lookout = stockLookout({
    gates: redisSurvey(world.redis),
    ledger: (some) => seeLedger(world.pool, some),
  })
  const commands = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await world.redis.info('stats'))?.[1])
  const before = await commands()
  await lookout.look(partitions)
  assert.ok((await commands()) - before <= 9)
})
