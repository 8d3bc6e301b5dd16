import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { addressFactor, brakeMs, redisBrake } from '../../../src/payments/decline-brake.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'

const none = { declines: 0, endsInMs: -2 }
const some = (declines: number, endsInMs = 60_000) => ({ declines, endsInMs })
const limits = { perAccount: 10 }

test('a buyer who mistypes twice goes on; one who tries ten cards waits for the hour to end', () => {
  assert.equal(brakeMs({ account: none, address: none }, limits), null)
  assert.equal(brakeMs({ account: some(2), address: some(2) }, limits), null)
  assert.equal(brakeMs({ account: some(9), address: some(9) }, limits), null)
  assert.equal(brakeMs({ account: some(10, 1_234), address: some(10, 9_999) }, limits), 1_234)
})

test('the people behind one address are stopped together only after many more', () => {
  const most = 10 * addressFactor
  assert.equal(brakeMs({ account: none, address: some(most - 1) }, limits), null)
  assert.equal(brakeMs({ account: none, address: some(most, 5_000) }, limits), 5_000)
  assert.equal(brakeMs({ account: some(10, 7_000), address: some(most, 5_000) }, limits), 7_000)
})

test('nobody waits for longer than an hour, nor for less than nothing, and 0 turns the brake off', () => {
  assert.equal(brakeMs({ account: some(99, 9e9), address: none }, limits), 3_600_000)
  assert.equal(brakeMs({ account: some(99, -1), address: none }, limits), 0)
  assert.equal(brakeMs({ account: some(99), address: some(99) }, { perAccount: 0 }), null)
})

test('without Redis nobody is stopped, and nothing fails', async (t) => {
  const redis = openRedis('redis://127.0.0.1:1', 'gate', () => {})
  t.after(() => redis.disconnect())
  const brake = redisBrake(limits, { redis, clock: systemClock })
  const payer = { checkoutId: 'c', account: 'a', address: '1' }
  assert.equal(await brake.check(payer), null)
  brake.note(payer)
  await brake.share(payer)
  await brake.declined('c')
})
