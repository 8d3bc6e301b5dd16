// While one release replaces another, a worker may meet what only the newer release reads. It leaves that SKU alone,
// loses nothing of it, holds up nobody else, and a worker of the newer release carries on.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { checkGuarantees } from '../../../src/ops/guarantees.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { RedisMailbox } from '../../../src/stock/gate/redis-mailbox.ts'
import { RedisWakes } from '../../../src/stock/gate/redis-wakes.ts'
import { skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { eventually } from '../../support/eventually.ts'
import { decodeNewer, writtenByNewer } from '../../support/newer-release.ts'
import { StockWorld } from '../../support/stock-world.ts'

/** Two SKUs of one partition. In the mailbox of the first, the second entry is of the newer release. */
async function startRollOut(t: TestContext) {
  const world = await StockWorld.start(t)
  const sku = await world.addSku({ units: 9, limit: 3 })
  const partition = partitionOf(sku)
  const neighbour = await world.addSku({ units: 9 }, partition)
  let now = 1_000
  const owner = await world.takeOver(partition, { monotonic: () => now })
  await world.openGate(owner, sku)
  await world.openGate(owner, neighbour)
  const read = await world.granted(sku, { units: 2 })
  const unread = await world.granted(sku)
  await writtenByNewer(world.redis, sku)
  return {
    world,
    sku,
    neighbour,
    partition,
    owner,
    read,
    unread,
    mailbox: () => world.redis.xrange(skuKeys(partition, sku).mailbox, '-', '+'),
    /** It is never dry: what is left alone stays in its mailbox. */
    async passes() {
      for (let i = 0; i < 4; i++) await owner.actor.pass()
    },
    wait: (ms: number) => {
      now += ms
    },
    /** A worker of the newer release takes the partition over. */
    takeOverNewer: () =>
      world.takeOver(partition, { mailbox: new RedisMailbox(world.redis, decodeNewer) }),
  }
}

async function restartRedis(world: StockWorld): Promise<void> {
  await world.redisServer.kill('SIGKILL')
  await world.redisServer.ended
  await world.redisServer.restart()
  await world.redisIsBack()
}

test('a worker commits what it reads, and leaves the rest to the newer release', async (t) => {
  const { world, sku, neighbour, owner, read, unread, ...its } = await startRollOut(t)
  const sold = await world.granted(neighbour)
  const [, waiting] = await its.mailbox()
  await its.passes()
  assert.equal(await world.statusOf(read), 'reserved')
  assert.equal(await world.statusOf(sold), 'reserved')
  assert.equal(await world.statusOf(unread), null)
  assert.deepEqual(await its.mailbox(), [waiting])
  assert.match(
    owner.warnings.join('\n'),
    new RegExp(`^${sku}: .* entry 1-2, .* version 2, .* reads 1: finish the roll-out`),
  )
  // Buyers are admitted as before, and wait behind it; the neighbour sells.
  const later = await world.granted(sku)
  const next = await world.granted(neighbour)
  await its.passes()
  assert.equal(await world.statusOf(next), 'reserved')
  assert.equal((await its.mailbox()).length, 2)

  const successor = await its.takeOverNewer()
  await successor.runDry()
  for (const id of [unread, later]) assert.equal(await world.statusOf(id), 'reserved')
  assert.equal((await world.assertSound(sku)).held, 4)
  assert.equal((await world.assertSound(neighbour)).held, 2)
})

test('it looks again after a pause that grows, up to a bound', async (t) => {
  const { owner, passes, wait } = await startRollOut(t)
  const looks = async (ms: number) => {
    const before = owner.warnings.length
    for (let i = 0; i < 10; i++) {
      wait(ms / 10)
      await passes()
    }
    return owner.warnings.length - before
  }
  await passes()
  assert.equal(owner.warnings.length, 1)
  assert.equal(await looks(0), 0)
  assert.ok((await looks(2_000)) >= 2)
  assert.equal(await looks(300_000), 10)
  assert.equal(await looks(10_000), 0)
  assert.ok((await looks(60_000)) >= 1)
})

test('a worker of the older release that takes over loses nothing of it', async (t) => {
  const { world, sku, partition, owner, unread, ...its } = await startRollOut(t)
  await its.passes()
  const before = await its.mailbox()
  const other = await world.takeOver(partition)
  for (let i = 0; i < 4; i++) await other.actor.pass()
  assert.deepEqual(await its.mailbox(), before)
  assert.match(other.warnings.join(), new RegExp(`${sku}: .* finish the roll-out`))
  await (await its.takeOverNewer()).runDry()
  assert.equal(await world.statusOf(unread), 'reserved')
  assert.equal((await world.assertSound(sku)).held, 3)
})

test('its open commands are not posted again and again, and the newer release carries them out', async (t) => {
  const { world, sku, neighbour, owner, read, ...its } = await startRollOut(t)
  await its.passes()
  const release = await world.command('release', sku, { checkoutId: read, post: false })
  const restock = await world.command('restock', neighbour, { units: 1, post: false })
  await world.age()
  its.wait(100_000)
  await owner.actor.tend()
  await its.passes()
  assert.equal((await its.mailbox()).length, 1)
  assert.equal(await world.outcomeOf(restock.id), 'restocked')
  const successor = await its.takeOverNewer()
  await successor.actor.tend()
  await successor.runDry()
  assert.equal(await world.outcomeOf(release.id), 'released')
  await world.assertSound(sku)
})

test('after Redis was restarted, a worker rebuilds nothing over entries that it does not read', async (t) => {
  const { world, sku, neighbour, partition, owner, read, unread, ...its } = await startRollOut(t)
  const sold = await world.granted(neighbour)
  const { generation } = await world.ledger(sku)
  const before = await its.mailbox()
  await restartRedis(world)
  const beyond = {
    name: 'BeyondThisWorker',
    message: new RegExp(`partition ${partition} .* stays closed: ${sku}: .* finish the roll-out`),
  }
  await assert.rejects(owner.actor.tend(), beyond)
  // What it reads is safe, and nobody is told that the rest is lost.
  assert.deepEqual(await Promise.all([read, sold].map((id) => world.statusOf(id))), [
    'reserved',
    'reserved',
  ])
  assert.deepEqual(await its.mailbox(), before)
  assert.equal((await world.ledger(sku)).generation, generation)
  const gate = world.newGate({ impatient: true })
  for (const closed of [sku, neighbour]) {
    assert.equal((await world.admit(closed, { gate })).tag, 'unavailable')
  }
  // Another one of the older release fares no better.
  await assert.rejects(world.takeOver(partition), beyond)
  assert.deepEqual(await its.mailbox(), before)

  const successor = await its.takeOverNewer()
  await successor.runDry()
  assert.equal(await world.statusOf(unread), 'reserved')
  assert.equal((await world.ledger(sku)).generation, generation + 1)
  assert.equal((await world.admit(sku, { buyerId: newId() })).tag, 'granted')
  await successor.runDry()
  assert.equal((await world.assertSound(sku)).held, 4)
  assert.equal((await world.assertSound(neighbour)).held, 1)
})

test('a check of the promises says what waits for the newer release, and takes it for no loss', async (t) => {
  const { world, sku, passes } = await startRollOut(t)
  await passes()
  const notes: string[] = []
  const { promises } = await checkGuarantees({
    pool: world.pool,
    redis: world.redis,
    config: { STOCK_STRATEGY: 'actor', SWEEP_SECONDS: 60 },
    clock: systemClock,
    note: (sentence) => notes.push(sentence),
  })
  assert.deepEqual(
    promises.flatMap(({ breaches }) => breaches),
    [],
  )
  assert.match(notes.join('\n'), new RegExp(`${sku}: its mailbox waits at entry 1-2`))
})

test('messages that no release of ours understands are not heard', async (t) => {
  const world = await StockWorld.start(t)
  const subscriber = openRedis(world.redisServer.url, 'subscriber', () => {})
  world.onClose(() => subscriber.disconnect())
  const wakes = new RedisWakes({ subscriber, publisher: world.redis })
  const heard: string[] = []
  let live = false
  const leave = [
    wakes.onWake({
      wake: (partition, sku) => heard.push(`wake ${partition} ${sku}`),
      missed: () => {},
    }),
    wakes.onFreed({
      freed: (sku, version) => heard.push(`freed ${sku} ${version}`),
      live: (now) => {
        live = now
      },
    }),
  ]
  await eventually(async () => {
    assert.ok(live)
    assert.equal(await world.redis.pubsub('NUMPAT'), 2)
  })
  for (const [channel, message] of [
    ['wake:64', 'A'],
    ['wake:v2:1', 'A'],
    ['freed:1', 'A'],
    ['freed:1', '{"sku":"A"}'],
    ['freed:1', 'A 3'],
    ['wake:63', 'A'],
  ] as const) {
    await world.redis.publish(`sluice:${channel}`, message)
  }
  await eventually(() => assert.ok(heard.includes('wake 63 A')))
  assert.deepEqual(heard, ['freed A 3', 'wake 63 A'])
  for (const each of leave) each()
})
