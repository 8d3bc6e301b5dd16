/** What the scripts of a partition's owner answer and write: one test for every line of their REPLY. */
import assert from 'node:assert/strict'
import { newId } from '../../../../src/kernel/ids.ts'
import { buildGate, hearWakeUps } from '../../../support/gate.ts'
import { type Case, one, writesNothing } from './case.ts'

export const settlements: Record<string, Case> = {
  'settle · settled: units by the formula, mailbox trimmed, counts taken back': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis, { units: 10, limit: 3 })
    const [kept, gone] = [newId(), newId()]
    await gate.admit([
      { buyer: kept, units: 3 },
      { buyer: gone, units: 2 },
    ])
    await gate.admit([one(1)])
    // The ledger rejected one of the first: 2 units are free again, and one more is under way.
    const reply = await gate.settle({ cursor: 1, free: 7, granted: 5 }, [kept, -1, gone, -2])
    assert.deepEqual(reply, { tag: 'settled', entriesLeft: 1, units: 6 })
    const seen = await gate.everything()
    assert.equal(seen.gate.settled, '1')
    assert.equal(seen.buyers[kept], '2')
    assert.equal(seen.buyers[gone], undefined)
    assert.deepEqual(seen.ready, [gate.sku])
    assert.deepEqual(await gate.settle({ cursor: 2, free: 6, granted: 6 }), {
      tag: 'settled',
      entriesLeft: 0,
      units: 6,
    })
    assert.deepEqual((await gate.everything()).ready, [])
  },
  'settle · twice or late changes nothing': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 10, limit: 5 })
    const buyer = newId()
    await gate.admit([{ buyer, units: 2 }])
    await gate.admit([{ buyer, units: 2 }])
    await gate.settle({ cursor: 2, free: 8, granted: 4 }, [buyer, -2])
    for (const cursor of [2, 1, 0]) {
      await writesNothing(gate, () => gate.settle({ cursor, free: 10, granted: 0 }, [buyer, -2]))
    }
  },
  'settle · units that fall free raise the version and are told': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 2, version: 7 })
    await gate.admit([one(2)])
    await gate.settle({ cursor: 1, free: 0, granted: 2 })
    assert.equal((await gate.everything()).gate.version, '7')
    await gate.post('["release"]')
    await gate.settle({ cursor: 2, free: 2, granted: 2 })
    assert.equal((await gate.everything()).gate.version, '8')
    await gate.post('["restock"]')
    await gate.settle({ cursor: 3, free: 4, granted: 2 })
    assert.equal((await gate.everything()).gate.version, '8')
  },
  'settle · gap: a mailbox with fewer entries than the gate has appended': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 10 })
    for (let i = 0; i < 3; i++) await gate.admit([one()])
    await redis.xdel(gate.keys.mailbox, '1-2')
    const reply = await gate.settle({ cursor: 1, free: 9, granted: 1 })
    assert.deepEqual(reply, { tag: 'gap', entriesLeft: 1, units: 7 })
    assert.deepEqual((await gate.everything()).ready, [gate.sku])
  },
  'settle · stale: a gate that is missing or of another generation is left alone': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis, { generation: 2 })
    await gate.admit([one()], { generation: 2 })
    const to = { cursor: 5, free: 99, granted: 0 }
    for (const generation of [1, 3]) {
      const reply = await writesNothing(gate, () => gate.settle({ ...to, generation }))
      assert.deepEqual(reply, { tag: 'stale' })
    }
    await redis.del(gate.keys.gate)
    assert.deepEqual(await writesNothing(gate, () => gate.settle(to)), { tag: 'stale' })
  },
}

export const commands: Record<string, Case> = {
  'post-command · posted: next in the mailbox, in order with admissions': async (_t, redis) => {
    const gate = await buildGate(redis)
    await gate.admit([one(2)])
    assert.deepEqual(await gate.post('["sell"]'), { tag: 'posted', entry: '1-2' })
    const seen = await gate.everything()
    assert.deepEqual([seen.gate.units, seen.gate.granted, seen.gate.seq], ['8', '2', '2'])
    assert.deepEqual(seen.mailbox[1], ['1-2', ['k', 'command', 'g', '2', 'b', '["sell"]']])
  },
  'post-command · wakes the owner when the mailbox was empty, and only then': async (t, redis) => {
    const gate = await buildGate(redis)
    const wakeUps = await hearWakeUps(t, redis)
    await gate.post('["sell"]')
    assert.deepEqual(await wakeUps(), [gate.sku])
    await gate.post('["sell"]')
    assert.deepEqual(await wakeUps(), [])
  },
  'post-command · one that takes units takes them at the gate': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 5 })
    await gate.post('["restock"]', 3)
    const { gate: state } = await gate.everything()
    assert.deepEqual([state.units, state.granted], ['2', '3'])
    const reply = await gate.admit([one(3)])
    assert.equal(reply.tag === 'admitted' && reply.admissions[0]?.tag, 'sold_out')
  },
  'post-command · short: units that are granted cannot be taken': async (_t, redis) => {
    const gate = await buildGate(redis, { units: 2 })
    const reply = await writesNothing(gate, () => gate.post('["restock"]', 3))
    assert.deepEqual(reply, { tag: 'short', unitsLeft: 2 })
  },
  'post-command · closed and missing: nothing is written': async (_t, redis) => {
    const gate = await buildGate(redis)
    await redis.hset(gate.keys.partition, 'run_id', 'f'.repeat(40))
    assert.deepEqual(await writesNothing(gate, () => gate.post('[]')), { tag: 'closed' })
    await gate.open(1)
    await gate.close()
    assert.deepEqual(await writesNothing(gate, () => gate.post('[]')), { tag: 'closed' })
    await gate.open(2)
    assert.deepEqual(await writesNothing(gate, () => gate.post('[]')), { tag: 'missing' })
  },
}

export const building: Record<string, Case> = {
  'install-gate · installed: a newer generation begins with an empty mailbox': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis, { units: 5 })
    await gate.admit([one(2)])
    await redis.sadd(gate.keys.wanted, gate.sku)
    assert.equal(await gate.install({ generation: 2, units: 3, granted: 2, cursor: 0 }), true)
    const seen = await gate.everything()
    assert.deepEqual([seen.mailbox, seen.ready, seen.wanted], [[], [], []])
    assert.deepEqual([seen.gate.units, seen.gate.seq, seen.gate.generation], ['3', '0', '2'])
  },
  'install-gate · stale: never over one of the same or a newer generation': async (_t, redis) => {
    const gate = await buildGate(redis, { generation: 3 })
    await gate.admit([one(2)], { generation: 3 })
    for (const generation of [3, 2]) {
      await writesNothing(gate, async () =>
        assert.equal(await gate.install({ generation, units: 99 }), false),
      )
    }
  },
  'open-partition · open, and stale for an older generation or another server': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis, { generation: 3 })
    await gate.close()
    await writesNothing(gate, async () => assert.equal(await gate.open(2), false))
    await writesNothing(gate, async () => assert.equal(await gate.open(4, 'f'.repeat(40)), false))
    assert.equal(await gate.open(4), true)
    const { partitionState } = await gate.everything()
    assert.deepEqual(
      { ...partitionState },
      { generation: '4', run_id: gate.runId, open: '1', closed: '3' },
    )
  },
  'open-partition · stale: a generation that was closed before it was opened': async (
    _t,
    redis,
  ) => {
    const gate = await buildGate(redis, { generation: 3 })
    await gate.close(5)
    for (const generation of [4, 5])
      await writesNothing(gate, async () => assert.equal(await gate.open(generation), false))
    assert.equal(await gate.open(6), true)
    await redis.del(gate.keys.partition)
    await gate.close(7)
    assert.equal(await gate.open(7), false)
  },
  'close-partition · state and none: it closes up to the generation it names, looking closes nothing':
    async (_t, redis) => {
      const gate = await buildGate(redis, { generation: 3 })
      const state = { runId: gate.runId, generation: 3, sameServer: true }
      assert.deepEqual(await writesNothing(gate, gate.look), { ...state, open: true })
      assert.deepEqual(await gate.close(2), { ...state, open: true })
      assert.deepEqual(await gate.close(4), { ...state, open: false })
      assert.deepEqual(await gate.look(), { ...state, open: false })
      await redis.hset(gate.keys.partition, 'run_id', 'f'.repeat(40))
      assert.equal((await gate.look()).sameServer, false)
      await redis.del(gate.keys.partition)
      const none = { runId: gate.runId, generation: 0, open: false, sameServer: false }
      assert.deepEqual(await writesNothing(gate, gate.look), none)
      assert.deepEqual(await gate.close(3), none)
    },
  'want-gate · wanted: the owner finds the SKU, once, and is woken each time': async (t, redis) => {
    const gate = await buildGate(redis)
    const wakeUps = await hearWakeUps(t, redis)
    for (let i = 0; i < 3; i++) await gate.want()
    assert.deepEqual(await wakeUps(), ['', '', ''])
    assert.deepEqual((await gate.everything()).wanted, [gate.sku])
  },
}
