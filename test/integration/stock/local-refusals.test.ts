// Refusals from memory, on a clock that the test holds: they are told only while the gate would say the
// same, and never to somebody who may hold a unit.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { LocalRefusals } from '../../../src/stock/gate/local-refusals.ts'
import { RedisGates } from '../../../src/stock/gate/redis-gates.ts'
import { RedisWakes } from '../../../src/stock/gate/redis-wakes.ts'
import type { AdmitReply } from '../../../src/stock/ports.ts'
import { channels } from '../../../src/stock/protocol/keys.ts'
import { eventually } from '../../support/eventually.ts'
import { buildGate, openTestRedis } from '../../support/gate.ts'
import { manualClock } from '../../support/manual-clock.ts'

type Admitted = Extract<AdmitReply, { tag: 'admitted' }>

/** A sold-out gate whose one unit `holder` has, and refusals that know it. */
async function soldOut(t: TestContext, version = 5) {
  const { server, redis } = await openTestRedis(t)
  const gate = await buildGate(redis, { units: 1, version })
  const holder = newId()
  await gate.admit([{ buyer: holder, units: 1 }])
  const clock = manualClock()
  const refusals = new LocalRefusals({ gates: new RedisGates(redis, clock.now), clock })
  refusals.live(true)
  const ask = async (buyer = newId()): Promise<Admitted> => {
    const reply = await gate.admit([{ buyer, units: 1 }])
    assert.ok(reply.tag === 'admitted')
    return reply
  }
  const refuses = (buyer = newId()) => refusals.refuses(gate.sku, buyer, 1)
  const raise = () =>
    eventually(async () => {
      refusals.learn(gate.sku, await ask())
      return refuses()
    })
  return { server, redis, gate, holder, clock, refusals, ask, refuses, raise }
}

test('strangers are refused from memory once the gate has said sold out', async (t) => {
  const { refuses, raise } = await soldOut(t)
  assert.equal(refuses(), false)
  await raise()
  for (let i = 0; i < 100; i++) assert.equal(refuses(), true)
})

test('somebody who may hold a unit is never refused from memory', async (t) => {
  const { refuses, raise, holder } = await soldOut(t)
  await raise()
  for (let i = 0; i < 100; i++) assert.equal(refuses(holder), false)
})

test('a refusal lives 100 ms, and a probe that finds nothing new renews it', async (t) => {
  const { refuses, raise, clock, refusals, gate, ask } = await soldOut(t)
  await raise()
  clock.advance(99)
  refuses() // the probe: let through, but its answer never comes
  assert.equal(refuses(), true)
  clock.advance(1)
  assert.equal(refuses(), false)

  await raise()
  for (let round = 0; round < 10; round++) {
    clock.advance(50)
    assert.equal(refuses(), false, 'one in so many milliseconds asks')
    assert.equal(refuses(), true, 'and only one')
    refusals.learn(gate.sku, await ask())
  }
  assert.equal(refuses(), true)
})

test('units that fall free end it, and an older message does not', async (t) => {
  const { refuses, raise, refusals, gate } = await soldOut(t, 5)
  await raise()
  for (const version of [4, 5]) {
    refusals.freed(gate.sku, version)
    assert.equal(refuses(), true)
  }
  refusals.freed(gate.sku, 6)
  assert.equal(refuses(), false)
})

test('an answer that was overtaken by freed units raises nothing', async (t) => {
  const { refuses, refusals, gate, ask } = await soldOut(t, 5)
  const late = await ask()
  refusals.freed(gate.sku, 6)
  refusals.learn(gate.sku, late)
  // Whatever was begun is over when Redis has answered something later.
  await ask()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(refuses(), false)
})

test('units that fall free while the holders are fetched raise nothing', async (t) => {
  const { refuses, refusals, gate, ask } = await soldOut(t, 5)
  refusals.learn(gate.sku, await ask())
  refusals.freed(gate.sku, 6)
  await ask()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(refuses(), false)
})

test('an answer with units left ends it', async (t) => {
  const { refuses, raise, refusals, gate, ask } = await soldOut(t)
  await raise()
  await gate.settle({ cursor: 1, free: 3, granted: 1 })
  const reply = await ask()
  assert.equal(reply.admissions[0]?.tag, 'granted')
  refusals.learn(gate.sku, reply)
  assert.equal(refuses(), false)
})

test('a sale that is over is never told to be sold out, although it is both', async (t) => {
  const { refuses, raise, refusals, gate, ask } = await soldOut(t)
  const over = { startsMs: systemClock.now() - 2, endsMs: systemClock.now() - 1 }
  const early = { startsMs: systemClock.now() + 3_600_000 }
  for (const window of [over, early]) {
    await gate.setWindow({})
    await raise()
    await gate.setWindow(window)
    const reply = await ask()
    assert.deepEqual([reply.unitsLeft, reply.admissions[0]?.tag === 'sold_out'], [0, false])
    // The refusal from before ends, and no new one is raised.
    for (let round = 0; round < 2; round++) {
      refusals.learn(gate.sku, reply)
      await ask()
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(refuses(), false)
    }
  }
})

test('it dies with the subscription, and none is raised without one', async (t) => {
  const { refuses, raise, refusals, gate, ask } = await soldOut(t)
  await raise()
  refusals.live(false)
  assert.equal(refuses(), false)
  refusals.learn(gate.sku, await ask())
  await ask()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(refuses(), false)
})

test('the channel tells of freed units, and its end is noticed', async (t) => {
  const { server, redis, refuses, raise, refusals, gate } = await soldOut(t, 5)
  refusals.live(false)
  const subscriber = openRedis(server.url, 'subscriber', () => {})
  const unwatch = new RedisWakes({ subscriber, publisher: redis }).onFreed(refusals)
  t.after(() => {
    unwatch()
    subscriber.disconnect()
  })
  await raise()
  await redis.publish(channels.freed(gate.partition), `${gate.sku} 6`)
  await eventually(() => !refuses())

  await redis.hset(gate.keys.gate, 'version', 6)
  await raise()
  await redis.call('client', 'kill', 'type', 'pubsub')
  await eventually(() => !refuses())
})
