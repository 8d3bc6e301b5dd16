/** What lua/stock/admit.lua answers and writes: one test for every line of its REPLY. */
import assert from 'node:assert/strict'
import { systemClock } from '../../../../src/kernel/clock.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import { holderPositions, mayHold } from '../../../../src/stock/protocol/holders.ts'
import { decodeEntry, isRead } from '../../../../src/stock/protocol/messages.ts'
import { requestField, requestRecord } from '../../../../src/stock/protocol/request-record.ts'
import { buildGate, hearWakeUps, holderBits } from '../../../support/gate.ts'
import { type Case, one, writesNothing } from './case.ts'

export const admissions: Record<string, Case> = {
  'admit · granted: units are taken and the batch is one mailbox entry': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 10, limit: 5 })
    const [a, b] = [one(2), one(3)]
    const [first, second] = [newId(), newId()]
    const reply = await gate.admit([
      { ...a, id: first, key: 'k1' },
      { ...b, id: second, key: 'k2' },
    ])
    assert.deepEqual(reply, {
      tag: 'admitted',
      generation: 1,
      unitsLeft: 5,
      version: 1,
      admissions: [
        { tag: 'granted', unitsLeft: 8 },
        { tag: 'granted', unitsLeft: 5 },
      ],
    })
    const seen = await gate.everything()
    assert.deepEqual([seen.gate.units, seen.gate.granted, seen.gate.seq], ['5', '5', '1'])
    assert.deepEqual(seen.buyers, { [a.buyer]: '2', [b.buyer]: '3' })
    assert.deepEqual(seen.ready, [gate.sku])
    assert.equal(seen.today[requestField(a.buyer, 'k1')], requestRecord(first, `${gate.sku}*2`))
    assert.ok((await redis.ttl(gate.keys.today)) > 86_400)
    assert.equal(seen.mailbox.length, 1)
    const entry = decodeEntry(seen.mailbox[0] as [string, string[]])
    assert.ok(isRead(entry))
    assert.deepEqual([entry.generation, entry.seq, entry.granted], [1, 1, 5])
    assert.deepEqual(
      entry.messages.map((m) => m.kind === 'reserve' && [m.checkoutId, m.units, m.terms.price]),
      [
        [first, 2, 100],
        [second, 3, 100],
      ],
    )
  },
  'admit · repeated: a key seen today, yesterday or in the same batch keeps its checkout': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis)
    const buyer = newId()
    const [id, old] = [newId(), newId()]
    const fingerprint = `${gate.sku}*1`
    const again = { tag: 'repeated', checkoutId: id, fingerprint }
    const batch = await gate.admit([
      { buyer, units: 1, key: 'k', id },
      { buyer, units: 1, key: 'k' },
    ])
    assert.deepEqual(batch.tag === 'admitted' && batch.admissions[1], again)
    await redis.hset(gate.keys.yesterday, requestField(buyer, 'old'), requestRecord(old, 'f'))
    const later = await writesNothing(gate, () =>
      gate.admit([
        { buyer, units: 1, key: 'k' },
        { buyer, units: 1, key: 'old' },
      ]),
    )
    assert.deepEqual(later.tag === 'admitted' && later.admissions, [
      again,
      { tag: 'repeated', checkoutId: old, fingerprint: 'f' },
    ])
  },
  'admit · a part of a larger checkout has no record and may come twice': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 2 })
    const part = { buyer: newId(), units: 1, key: null, id: newId() }
    const reply = await gate.admit([part, part])
    assert.ok(reply.tag === 'admitted' && reply.admissions.every(({ tag }) => tag === 'granted'))
    assert.deepEqual((await gate.everything()).today, {})
  },
  'admit · sold_out: says what is left, and serves smaller wishes behind it': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 3 })
    const reply = await gate.admit([one(4), one(2), one(2), one(1)])
    assert.deepEqual(reply.tag === 'admitted' && reply.admissions, [
      { tag: 'sold_out', unitsLeft: 3 },
      { tag: 'granted', unitsLeft: 1 },
      { tag: 'sold_out', unitsLeft: 1 },
      { tag: 'granted', unitsLeft: 0 },
    ])
    await writesNothing(gate, () => gate.admit([one(1)]))
  },
  'admit · over_limit: counts what the buyer has and what the batch gave': async (_t, redis) => {
    const gate = await buildGate(redis, { limit: 3 })
    const buyer = newId()
    const reply = await gate.admit([2, 2, 1].map((units) => ({ buyer, units })))
    assert.deepEqual(reply.tag === 'admitted' && reply.admissions, [
      { tag: 'granted', unitsLeft: 8 },
      { tag: 'over_limit', limit: 3 },
      { tag: 'granted', unitsLeft: 7 },
    ])
    await writesNothing(gate, () => gate.admit([{ buyer, units: 1 }]))
  },
  'admit · not_open and ended: by the clock of Redis, before limit and units': async (
    _t,
    redis,
  ) => {
    const now = systemClock.now()
    const startsMs = now + 3_600_000
    const early = await buildGate(redis, { startsMs, limit: 1, units: 0 })
    const first = await writesNothing(early, () => early.admit([one(2)]))
    assert.deepEqual(first.tag === 'admitted' && first.admissions, [
      { tag: 'not_open', startsAtMs: startsMs },
    ])
    const late = await buildGate(redis, { endsMs: now - 1, limit: 1, units: 0 })
    const second = await writesNothing(late, () => late.admit([one(2)]))
    assert.deepEqual(second.tag === 'admitted' && second.admissions, [{ tag: 'ended' }])
  },
  'admit · unpayable: what no payment can take, before limit and units': async (_t, redis) => {
    const gate = await buildGate(redis, { payable: 2, limit: 1, units: 0 })
    const reply = await writesNothing(gate, () => gate.admit([one(3), one(2)]))
    assert.deepEqual(reply.tag === 'admitted' && reply.admissions, [
      { tag: 'unpayable', payable: 2 },
      { tag: 'over_limit', limit: 1 },
    ])
  },
  'admit · full: what is granted and not committed is bounded': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 100 })
    const reply = await gate.admit([one(2), one(2), one(1)], { waitingMax: 3 })
    assert.deepEqual(reply.tag === 'admitted' && reply.admissions.map(({ tag }) => tag), [
      'granted',
      'full',
      'granted',
    ])
    const more = await writesNothing(gate, () => gate.admit([one(1)], { waitingMax: 3 }))
    assert.deepEqual(more.tag === 'admitted' && more.admissions, [{ tag: 'full' }])
    await gate.settle({ cursor: 1, free: 97, granted: 3 })
    const after = await gate.admit([one(1)], { waitingMax: 3 })
    assert.equal(after.tag === 'admitted' && after.admissions[0]?.tag, 'granted')
  },
  'admit · closed: a closed partition, none, and one of another server': async (_t, redis) => {
    const gate = await buildGate(redis)
    const isClosed = async () =>
      assert.deepEqual(await writesNothing(gate, () => gate.admit([one()])), { tag: 'closed' })
    await gate.close()
    await isClosed()
    await redis.hset(gate.keys.partition, { open: 1, run_id: 'f'.repeat(40) })
    await isClosed()
    await redis.del(gate.keys.partition)
    await isClosed()
  },
  'admit · missing: no gate, or one of an older generation': async (_t, redis) => {
    const gate = await buildGate(redis)
    await gate.open(2)
    const reply = await writesNothing(gate, () => gate.admit([one()], { generation: 2 }))
    assert.deepEqual(reply, { tag: 'missing' })
    await redis.del(gate.keys.gate)
    assert.deepEqual(await writesNothing(gate, () => gate.admit([one()])), { tag: 'missing' })
  },
  'admit · stale: ids of another generation are not admitted': async (_t, redis) => {
    const gate = await buildGate(redis, { generation: 4 })
    const reply = await writesNothing(gate, () => gate.admit([one()], { generation: 3 }))
    assert.deepEqual(reply, { tag: 'stale', generation: 4 })
  },
  'admit · an error of its first write leaves nothing written': async (_t, redis) => {
    const gate = await buildGate(redis, { limit: 5 })
    await redis.set(gate.keys.mailbox, 'not a stream')
    await writesNothing(gate, () => assert.rejects(gate.admit([one(), one()]), /WRONGTYPE/))
    await redis.del(gate.keys.mailbox)
    // A mailbox that is ahead of its gate is a loss somewhere: nothing may be appended behind it.
    await redis.xadd(gate.keys.mailbox, '1-9', 'k', 'reserve')
    await writesNothing(gate, () => assert.rejects(gate.admit([one()]), /equal or smaller/))
  },
  'admit · wakes the owner when the mailbox was empty, and only then': async (t, redis) => {
    const gate = await buildGate(redis, { units: 3 })
    const wakeUps = await hearWakeUps(t, redis)
    await gate.admit([one()])
    assert.deepEqual(await wakeUps(), [gate.sku])
    await gate.admit([one()])
    await gate.admit([one(9)])
    assert.deepEqual(await wakeUps(), [])
    await gate.settle({ cursor: 2, free: 1, granted: 2 })
    await gate.admit([one()])
    assert.deepEqual(await wakeUps(), [gate.sku])
  },
  'admit · marks holders where the API looks for them': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 100 })
    const buyers = Array.from({ length: 20 }, () => newId())
    await gate.admit(buyers.map((buyer) => ({ buyer, units: 1 })))
    const filter = (await redis.getBuffer(gate.keys.holders)) ?? Buffer.alloc(0)
    for (const buyer of buyers) assert.ok(mayHold(filter, holderBits, buyer), buyer)
    let set = 0
    for (const byte of filter) set += byte.toString(2).replaceAll('0', '').length
    const expected = new Set(buyers.flatMap((buyer) => holderPositions(buyer, holderBits)))
    assert.equal(set, expected.size)
  },
}
