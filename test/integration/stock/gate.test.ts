// The API's side of the gate against a real Redis: requests share script calls, gates are asked for when
// they are missing, and what Redis cannot answer is never taken for a no.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Redis } from 'ioredis'
import { type Clock, systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import type { RedisClient } from '../../../src/platform/redis/client.ts'
import { Gate, type GateOutcome } from '../../../src/stock/gate/gate.ts'
import { LocalRefusals } from '../../../src/stock/gate/local-refusals.ts'
import { RedisGates } from '../../../src/stock/gate/redis-gates.ts'
import { checkoutIds } from '../../../src/stock/protocol/checkout-id.ts'
import { eventually } from '../../support/eventually.ts'
import { buildGate, openTestRedis } from '../../support/gate.ts'
import { manualClock } from '../../support/manual-clock.ts'

const dayMs = 86_400_000
/** How long a request waits for a gate, and the last pause of its waiting, at most. Milliseconds. */
const [patienceMs, pauseMs] = [2_000, 100]
const ids = checkoutIds('a secret of the test', systemClock.now, systemRandom)

interface Made {
  readonly clock?: Clock
  readonly waitingUnitsMax?: number
  readonly skuExists?: (sku: string) => Promise<boolean>
}

function makeGate(redis: RedisClient, made: Made = {}) {
  const clock = made.clock ?? systemClock
  const gates = new RedisGates(redis, clock.now)
  const gate = new Gate({
    gates,
    ids,
    clock,
    random: systemRandom,
    refusals: new LocalRefusals({ gates, clock }),
    skuExists: async () => true,
    waitingUnitsMax: 1_000_000,
    ...made,
  })
  const ask = async (
    sku: string,
    { buyerId = newId(), units = 1, key = newId() } = {},
  ): Promise<GateOutcome> =>
    await gate.admit({ sku, buyerId, units, key, fingerprint: `${sku}*${units}` })
  return { gate, ask }
}

async function scriptCalls(redis: RedisClient): Promise<number> {
  const stats = await redis.info('commandstats')
  const calls = stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)
  return Array.from(calls, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0)
}

const hurry = (made: Made = {}): Made => ({ clock: manualClock({ hurried: true }), ...made })

async function setUp(t: TestContext) {
  const { server, redis } = await openTestRedis(t)
  return { server, redis: redis as Redis }
}

test('requests that wait for one SKU share script calls and mailbox entries', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis, { units: 1_000 })
  const { ask } = makeGate(redis)
  await ask(built.sku)
  const before = await scriptCalls(redis)
  const outcomes = await Promise.all(Array.from({ length: 500 }, () => ask(built.sku)))
  const calls = (await scriptCalls(redis)) - before
  // They asked in one breath: 128 at a time.
  assert.equal(calls, 4)
  const granted = outcomes.flatMap((outcome) =>
    outcome.tag === 'granted' ? [outcome.checkoutId] : [],
  )
  assert.equal(new Set(granted).size, 500)
  const { gate, mailbox } = await built.everything()
  assert.deepEqual([gate.units, gate.granted, mailbox.length], ['499', '501', 5])
})

test('each of a batch gets its own answer', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis, { units: 5, limit: 2 })
  const { ask } = makeGate(redis)
  const [buyerId, key] = [newId(), newId()]
  const [first, ...rest] = await Promise.all([
    ask(built.sku, { buyerId, key, units: 2 }),
    ask(built.sku, { buyerId, key, units: 2 }),
    ask(built.sku, { buyerId }),
    ask(built.sku, { units: 2 }),
    ask(built.sku, { units: 2 }),
    ask(built.sku),
  ])
  assert.equal(first?.tag, 'granted')
  assert.deepEqual(
    rest.map(({ tag }) => tag),
    ['repeated', 'over_limit', 'granted', 'sold_out', 'granted'],
  )
  assert.equal(
    first?.tag === 'granted' && first.checkoutId,
    rest[0]?.tag === 'repeated' && rest[0].checkoutId,
  )
})

test('a key of yesterday is answered with its checkout, also by another API process', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis)
  const clock = manualClock()
  const request = { buyerId: newId(), key: newId() }
  const first = await makeGate(redis, { clock }).ask(built.sku, request)
  assert.ok(first.tag === 'granted')
  clock.advance(dayMs)
  // It has admitted nobody, so that it knows no key by itself.
  const later = await makeGate(redis, { clock }).ask(built.sku, request)
  assert.deepEqual(
    [later.tag, 'checkoutId' in later && later.checkoutId],
    ['repeated', first.checkoutId],
  )
})

test('a SKU that does not exist is unknown, and nobody is asked to build its gate', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis)
  const { ask } = makeGate(redis, { skuExists: async (sku) => sku === built.sku })
  await redis.del(built.keys.gate)
  const stranger = await buildGate(redis, { sku: 'NOT-THERE' })
  await redis.del(stranger.keys.gate)
  const outcomes = await Promise.all([ask('NOT-THERE'), ask('NOT-THERE')])
  assert.deepEqual(outcomes, [{ tag: 'unknown_sku' }, { tag: 'unknown_sku' }])
  assert.deepEqual(await redis.smembers(stranger.keys.wanted), [])
})

test('a gate that is missing is asked for, and the request waits for it', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis)
  await redis.del(built.keys.gate)
  const asked = makeGate(redis).ask(built.sku)
  await eventually(async () => (await redis.smembers(built.keys.wanted)).includes(built.sku))
  await built.install()
  assert.equal((await asked).tag, 'granted')
})

test('a gate that nobody builds is unavailable, and nothing was written', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis)
  const { ask } = makeGate(redis, hurry())
  await redis.del(built.keys.gate)
  assert.deepEqual(await ask(built.sku), { tag: 'unavailable', uncertain: false })
  await built.install()
  await built.close()
  const before = await built.everything()
  assert.deepEqual(await ask(built.sku), { tag: 'unavailable', uncertain: false })
  assert.deepEqual(await built.everything(), before)
})

test('an id carries the generation it was admitted in, also after a rebuild', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis, { generation: 3 })
  const { ask } = makeGate(redis)
  const buyerId = newId()
  for (const generation of [3, 4]) {
    if (generation > 3) {
      await built.install({ generation })
      await built.open(generation)
    }
    const outcome = await ask(built.sku, { buyerId })
    assert.ok(outcome.tag === 'granted')
    const parts = { partition: built.partition, generation }
    assert.deepEqual(ids.read(outcome.checkoutId, buyerId), parts)
  }
})

test('a lost reply is unavailable, and the retry finds what became of it', async (t) => {
  const { redis, server } = await setUp(t)
  const built = await buildGate(redis)
  const { ask } = makeGate(redis)
  await ask(built.sku)
  const [buyerId, key] = [newId(), newId()]
  await server.kill('SIGSTOP')
  const asked = ask(built.sku, { buyerId, key })
  // The command is on its way, and its answer will find nobody.
  await eventually(() => redis.stream.writableLength === 0)
  redis.stream.destroy()
  assert.deepEqual(await asked, { tag: 'unavailable', uncertain: true })
  await server.kill('SIGCONT')
  await eventually(() => redis.ping())
  const retry = await ask(built.sku, { buyerId, key })
  assert.ok(retry.tag === 'repeated' || retry.tag === 'granted', retry.tag)
  const { gate, mailbox } = await built.everything()
  assert.deepEqual([gate.granted, mailbox.length], ['2', 2])
})

test('without Redis every request is told so at once', async (t) => {
  const { redis, server } = await setUp(t)
  const built = await buildGate(redis)
  const { ask } = makeGate(redis)
  await ask(built.sku)
  await server.kill('SIGKILL')
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => ask(built.sku)))
  assert.deepEqual(new Set(outcomes.map(({ tag }) => tag)), new Set(['unavailable']))
})

test('a mailbox that nobody commits is full after so many units', async (t) => {
  const { redis } = await setUp(t)
  const built = await buildGate(redis, { units: 100 })
  const { ask } = makeGate(redis, { waitingUnitsMax: 3 })
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => ask(built.sku)))
  assert.deepEqual(
    outcomes.map(({ tag }) => tag),
    ['granted', 'granted', 'granted', 'full', 'full'],
  )
  await built.settle({ cursor: Number((await built.everything()).gate.seq), free: 97, granted: 3 })
  assert.equal((await ask(built.sku)).tag, 'granted')
})

test('everybody who asks at a gate that stays closed is answered within one patience', async (t) => {
  const { redis } = await openTestRedis(t)
  const clock = manualClock({ hurried: true })
  const { ask } = makeGate(redis, { clock })
  const began = clock.monotonic()
  // Nobody builds a gate here.
  const outcomes = await Promise.all(Array.from({ length: 1_500 }, () => ask('CLOSED')))
  assert.deepEqual(new Set(outcomes.map(({ tag }) => tag)), new Set(['unavailable']))
  const waited = clock.monotonic() - began
  // Each of the two calls under way lets its own pauses pass on this clock.
  assert.ok(waited <= patienceMs + 2 * pauseMs, `the last waited ${waited} ms`)
})

test('a request waits one patience for a closed gate, also when others come while it waits', async (t) => {
  const { redis } = await openTestRedis(t)
  const { sleep, ...hurried } = manualClock({ hurried: true })
  const waited: number[] = []
  const asked: Promise<unknown>[] = []
  const clock: Clock = {
    ...hurried,
    async sleep(ms) {
      // One asks soon after the first, and another one when the first has almost waited long enough.
      if (asked.length < 2 || (asked.length < 3 && clock.monotonic() >= began + 1_500)) askOnce()
      await sleep(ms)
    },
  }
  const { ask } = makeGate(redis, { clock })
  const askOnce = () => {
    const since = clock.monotonic()
    const at = asked.length
    asked.push(
      ask('CLOSED').then(({ tag }) => {
        assert.equal(tag, 'unavailable')
        waited[at] = clock.monotonic() - since
      }),
    )
  }
  const began = clock.monotonic()
  askOnce()
  while (waited.length < asked.length) await Promise.all(asked)
  assert.equal(waited.length, 3)
  const [first = 0, second = 0] = waited
  assert.ok(first >= patienceMs, `the first gave up after ${first} ms`)
  for (const ms of [first, second]) {
    assert.ok(ms <= patienceMs + pauseMs, `one waited ${ms} ms`)
  }
})
