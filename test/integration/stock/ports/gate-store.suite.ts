/** What every GateStore does. Run it on each implementation; it knows none. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../../src/kernel/ids.ts'
import { partitionOf } from '../../../../src/stock/protocol/partition.ts'
import { eventually } from '../../../support/eventually.ts'
import { aCommand, aState } from '../../../support/stock-builders.ts'
import {
  anHourAgo,
  type Case,
  inAnHour,
  type MakeGateWorld,
  newSku,
  OpenedGate,
  offerOf,
  openGate,
} from './opened-gate.ts'

/** Registers the contract for one implementation. */
export function gateStoreContract(name: string, make: MakeGateWorld): void {
  test(`the contract of gates, kept by ${name}`, async (t) => {
    const fresh = await make(t)
    const cases = { ...admitting, ...posting, ...settling, ...building }
    for (const [what, run] of Object.entries(cases)) {
      await t.test(what, async (t) => run(await fresh(), t))
    }
  })
}

const admitting: Record<string, Case> = {
  'refusals come in one order': async (world) => {
    const key = newId()
    const buyerId = newId()
    const gate = await openGate(world, { state: { onHand: 1 }, limit: 1 })
    const first = await gate.ask({ buyerId, key })
    assert.equal(first.tag, 'granted')
    // Sold out and over the limit, but it is the same request.
    assert.equal((await gate.ask({ buyerId, key })).tag, 'repeated')
    assert.deepEqual(await gate.ask({ buyerId }), { tag: 'over_limit', limit: 1 })
    assert.deepEqual(await gate.ask({}, { waitingMax: 0 }), { tag: 'sold_out', unitsLeft: 0 })
    const startsAtMs = inAnHour()
    const later = await openGate(world, { state: { onHand: 0 }, limit: 1, startsAtMs })
    assert.deepEqual(await later.ask({ units: 2 }), { tag: 'not_open', startsAtMs })
    const over = await openGate(world, { state: { onHand: 0 }, limit: 1, endsAtMs: anHourAgo() })
    assert.deepEqual(await over.ask({ units: 2 }), { tag: 'ended' })
    const dear = await openGate(world, { state: { onHand: 0 }, limit: 1, payable: 1 })
    assert.deepEqual(await dear.ask({ units: 2 }), { tag: 'unpayable', payable: 1 })
    const plenty = await openGate(world)
    assert.deepEqual(await plenty.ask({ units: 2 }, { waitingMax: 1 }), { tag: 'full' })
  },
  'a batch is judged in its order and becomes one entry': async (world) => {
    const gate = await openGate(world, { state: { onHand: 3 } })
    const [buyerId, key, id] = [newId(), newId(), newId()]
    const part = { id: newId(), buyerId: newId(), key: null }
    const reply = await gate.admit([
      { buyerId, key, id, units: 2 },
      { units: 2 },
      { buyerId, key, units: 2 },
      part,
    ])
    assert.deepEqual(reply, {
      ...{ tag: 'admitted', generation: 1, unitsLeft: 0, version: 1 },
      admissions: [
        { tag: 'granted', unitsLeft: 1 },
        { tag: 'sold_out', unitsLeft: 1 },
        { tag: 'repeated', checkoutId: id, fingerprint: `${gate.sku}*2` },
        { tag: 'granted', unitsLeft: 0 },
      ],
    })
    const { terms } = offerOf(gate.sku)
    const reserve = { kind: 'reserve', terms }
    const whole = { checkoutId: id, buyerId, units: 2, key, fingerprint: `${gate.sku}*2`, parts: 1 }
    const rest = {
      checkoutId: part.id,
      buyerId: part.buyerId,
      units: 1,
      key: null,
      fingerprint: '',
    }
    assert.deepEqual(await gate.entries(), [
      {
        ...{ generation: 1, seq: 1, granted: 3 },
        messages: [
          { ...reserve, ...whole },
          { ...reserve, ...rest, parts: 2 },
        ],
      },
    ])
  },
  'a batch that grants nothing writes nothing': async (world) => {
    const gate = await openGate(world, { state: { onHand: 0 } })
    await gate.unchanged(() => gate.admit([{}, {}]))
  },
  'a part is never taken for a repetition': async (world) => {
    const gate = await openGate(world)
    const buyerId = newId()
    for (let i = 0; i < 2; i++) {
      assert.equal((await gate.ask({ buyerId, key: null })).tag, 'granted')
    }
  },
  'a closed partition, a missing gate and another generation change nothing': async (world) => {
    const gate = await openGate(world, { state: { generation: 2 } })
    const stale = await gate.unchanged(() => gate.admit([{}], { generation: 1 }))
    assert.deepEqual(stale, { tag: 'stale', generation: 2 })
    let other = newSku()
    while (partitionOf(other) !== gate.partition) other = newSku()
    assert.deepEqual(await world.gates.post(other, 0, [aCommand('sell')]), { tag: 'missing' })
    const { gates } = world
    assert.equal((await gates.close(gate.partition, 1)).open, true)
    assert.equal((await gate.ask()).tag, 'granted')
    assert.equal((await gates.close(gate.partition, 2)).open, false)
    assert.deepEqual(await gate.admit([{}]), { tag: 'closed' })
    assert.deepEqual(await gates.post(gate.sku, 0, [aCommand('sell')]), { tag: 'closed' })
    assert.equal((await gate.entries()).length, 1)
    assert.equal(await gate.available(), null)
  },
  'the first entry after a pause wakes the owner, and the next ones need not': async (world, t) => {
    const gate = await openGate(world)
    const woken: string[] = []
    let live = 0
    t.after(
      world.wakes.onWake({
        wake: (partition, sku) => partition === gate.partition && woken.push(sku),
        missed: () => {
          live += 1
        },
      }),
    )
    await eventually(() => live > 0)
    await gate.ask()
    await gate.ask()
    await world.gates.want(gate.sku)
    await eventually(() => assert.equal(woken.length, 2))
    assert.deepEqual(woken, [gate.sku, ''])
  },
}

const posting: Record<string, Case> = {
  'commands of one call are one entry, in their order, and take what they are told to': async (
    world,
  ) => {
    const gate = await openGate(world, { state: { granted: 5 } })
    const commands = [
      aCommand('release', { checkoutId: newId() }),
      aCommand('restock', { units: -2, short: true }),
    ]
    const posted = await world.gates.post(gate.sku, 3, commands)
    assert.deepEqual(posted, { tag: 'posted', entry: '1-1' })
    assert.equal(await gate.available(), 7)
    const entry = { generation: 1, seq: 1, granted: 8, messages: commands }
    assert.deepEqual(await gate.entries(), [entry])
  },
  'a command posted twice is appended twice': async (world) => {
    const gate = await openGate(world)
    const command = aCommand('sell', { checkoutId: newId() })
    for (let i = 0; i < 2; i++) await world.gates.post(gate.sku, 0, [command])
    assert.deepEqual(
      (await gate.entries()).map(({ messages }) => messages),
      [[command], [command]],
    )
  },
  'a gate with too few units appends nothing and tells how many it has': async (world) => {
    const gate = await openGate(world, { state: { onHand: 2 } })
    const command = aCommand('restock', { units: -3 })
    const short = await gate.unchanged(() => world.gates.post(gate.sku, 3, [command]))
    assert.deepEqual(short, { tag: 'short', unitsLeft: 2 })
  },
}

const settling: Record<string, Case> = {
  'units become what is free less what was granted since, and the mailbox is trimmed': async (
    world,
  ) => {
    const gate = await openGate(world, { state: { onHand: 10 } })
    await gate.ask({ units: 4 })
    await gate.ask({ units: 1 })
    // The ledger has turned the first one down.
    const reply = await gate.settle({ cursor: 1, free: 10, granted: 4 })
    assert.deepEqual(reply, { tag: 'settled', entriesLeft: 1, units: 9 })
    assert.deepEqual(
      (await gate.entries(0)).map(({ seq }) => seq),
      [2],
    )
    assert.deepEqual((await world.mailbox.waiting(gate.partition)).ready, [gate.sku])
    await gate.settle({ cursor: 2, free: 9, granted: 5 })
    assert.deepEqual((await world.mailbox.waiting(gate.partition)).ready, [])
  },
  'settling again, or late, changes nothing': async (world) => {
    const gate = await openGate(world, { limit: 3 })
    const buyerId = newId()
    for (let i = 0; i < 3; i++) await gate.ask({ buyerId })
    const back = new Map([[buyerId, 1]])
    await gate.settle({ cursor: 3, free: 8, granted: 3 }, back)
    for (const cursor of [3, 2, 1]) {
      await gate.unchanged(() => gate.settle({ cursor, free: 10, granted: 0 }, back))
    }
    // One unit was taken back once: two are counted, and one more is allowed.
    assert.equal((await gate.ask({ buyerId, units: 2 })).tag, 'over_limit')
    assert.equal((await gate.ask({ buyerId })).tag, 'granted')
  },
  'a shadow below zero counts units for a buyer who had none': async (world) => {
    const gate = await openGate(world, { limit: 1 })
    const buyerId = newId()
    await world.gates.post(gate.sku, 1, [aCommand('reclaim', { checkoutId: newId(), units: 1 })])
    await gate.settle({ cursor: 1, free: 9, granted: 1 }, new Map([[buyerId, -1]]))
    assert.equal((await gate.ask({ buyerId })).tag, 'over_limit')
  },
  'what waits and is not committed is bounded, and a settle makes room': async (world) => {
    const gate = await openGate(world)
    assert.equal((await gate.ask({ units: 2 }, { waitingMax: 2 })).tag, 'granted')
    assert.equal((await gate.ask({}, { waitingMax: 2 })).tag, 'full')
    await gate.settle({ cursor: 1, free: 8, granted: 2 })
    assert.equal((await gate.ask({}, { waitingMax: 2 })).tag, 'granted')
  },
  'units that fall free at an empty gate raise its version and are told': async (world, t) => {
    const gate = await openGate(world, { state: { onHand: 1 }, version: 7 })
    const told: [string, number][] = []
    let live = false
    t.after(
      world.wakes.onFreed({
        freed: (sku, version) => told.push([sku, version]),
        live: (now) => {
          live = now
        },
      }),
    )
    await eventually(() => live)
    await gate.ask()
    await gate.settle({ cursor: 1, free: 1, granted: 1 })
    await eventually(() => assert.deepEqual(told, [[gate.sku, 8]]))
    assert.equal((await world.gates.holders(gate.sku))?.version, 8)
  },
  'a gate of another generation is stale and stays as it is': async (world) => {
    const gate = await openGate(world)
    await gate.ask()
    const reply = await gate.unchanged(() => gate.settle({ generation: 2, cursor: 1, free: 1 }))
    assert.deepEqual(reply, { tag: 'stale' })
    const nowhere = { state: aState(1, { sku: newSku() }), shadow: new Map() }
    assert.deepEqual(await world.gates.settle(nowhere), { tag: 'stale' })
  },
  'a gate that has appended fewer entries than are committed tells of the gap': async (world) => {
    const gate = await openGate(world)
    await gate.ask()
    const reply = await gate.settle({ cursor: 2, free: 8, granted: 2 })
    assert.equal(reply.tag, 'gap')
  },
}

const building: Record<string, Case> = {
  'a gate is built once for a generation, and a newer one replaces it': async (world) => {
    const gate = await openGate(world, { state: { onHand: 3 } })
    await gate.ask()
    const offer = offerOf(gate.sku)
    for (const generation of [0, 1]) {
      const again = { ...gate.state, generation, free: 99, onHand: 99 }
      assert.equal(await gate.unchanged(() => world.gates.install(again, offer, 1)), false)
    }
    const next = { ...gate.state, generation: 2, free: 2 }
    assert.ok(await world.gates.install(next, offer, 2_000_001))
    assert.ok(await world.gates.open(gate.partition, 2, gate.runId))
    assert.equal(await gate.available(), 2)
    assert.deepEqual(await gate.admit([{}]), { tag: 'stale', generation: 2 })
    assert.deepEqual((await world.mailbox.waiting(gate.partition)).ready, [])
  },
  'a partition is opened neither behind a newer one nor on another run': async (world) => {
    const gate = await openGate(world, { state: { generation: 3 } })
    assert.equal(await world.gates.open(gate.partition, 2, gate.runId), false)
    assert.equal(await world.gates.open(gate.partition, 4, 'another run'), false)
    const { generation, open, sameServer, runId } = await world.gates.look(gate.partition)
    const expected = { generation: 3, open: true, sameServer: true, runId: gate.runId }
    assert.deepEqual({ generation, open, sameServer, runId }, expected)
  },
  'a generation that was closed before it was opened is never opened': async (world) => {
    const { gates } = world
    const { partition, runId } = await openGate(world)
    assert.equal((await gates.close(partition, 3)).open, false)
    assert.equal(await gates.open(partition, 2, runId), false)
    assert.equal(await gates.open(partition, 3, runId), false)
    assert.equal((await gates.look(partition)).open, false)
    assert.equal(await gates.open(partition, 4, runId), true)
  },
  'nothing is known of a partition that was never built': async (world) => {
    const { generation, open, sameServer } = await world.gates.look(5)
    assert.deepEqual(
      { generation, open, sameServer },
      { generation: 0, open: false, sameServer: false },
    )
    assert.equal(await world.gates.holders(newSku()), null)
    assert.equal(await world.gates.available(newSku()), null)
  },
  'what is loaded is known to the gate that is built, and what an earlier try loaded is not':
    async (world) => {
      const { gates } = world
      const state = aState(10, { sku: newSku() })
      const loading = { partition: partitionOf(state.sku), generation: 1, states: [state] }
      const [before, counted, holder] = [newId(), newId(), newId()]
      const [key, checkoutId, lostKey] = [newId(), newId(), newId()]
      const request = { checkoutId, buyerId: holder, fingerprint: `${state.sku}*1` }
      await gates.loadBuyers(state.sku, 1, [{ buyerId: before, units: 2 }])
      await gates.loadRequests(loading, [{ ...request, key: lostKey, sku: state.sku }])
      await gates.beginLoading(loading)
      await gates.loadBuyers(state.sku, 1, [{ buyerId: counted, units: 2 }])
      await gates.loadRequests(loading, [
        { ...request, key, sku: state.sku },
        { ...request, key: lostKey, sku: 'ANOTHER' },
        { ...request, key: lostKey, sku: null },
        { ...request, key: null, sku: state.sku },
      ])
      const { runId } = await gates.look(loading.partition)
      await gates.install(state, offerOf(state.sku, { limit: 2 }), 1)
      await gates.open(loading.partition, 1, runId)
      const gate = new OpenedGate(world, state, runId)
      assert.equal((await gates.holders(state.sku))?.mayHold(holder), true)
      const repeated = { tag: 'repeated', checkoutId, fingerprint: `${state.sku}*1` }
      assert.deepEqual(await gate.ask({ buyerId: holder, key }), repeated)
      assert.equal((await gate.ask({ buyerId: holder, key: lostKey })).tag, 'granted')
      assert.equal((await gate.ask({ buyerId: counted })).tag, 'over_limit')
      assert.equal((await gate.ask({ buyerId: before })).tag, 'granted')
    },
  'whoever was granted or loaded may hold units, and hardly anybody else': async (world) => {
    const gate = await openGate(world, { limit: 4 })
    const buyerId = newId()
    await gate.ask({ buyerId })
    const holders = await world.gates.holders(gate.sku)
    assert.equal(holders?.limit, 4)
    assert.equal(holders?.mayHold(buyerId), true)
    const strangers = Array.from({ length: 100 }, newId)
    assert.ok(strangers.filter((id) => holders?.mayHold(id)).length < 20)
    const unlimited = await openGate(world)
    assert.equal((await world.gates.holders(unlimited.sku))?.limit, Number.POSITIVE_INFINITY)
    assert.equal((await world.gates.holders(unlimited.sku))?.mayHold(buyerId), false)
  },
  'new terms go with the next admission, and never to another limit group': async (world) => {
    const gate = await openGate(world, { limit: 1, pool: 'sale-1' })
    const { gates } = world
    assert.equal(await gates.setTerms(offerOf(newSku())), 'missing')
    const other = offerOf(gate.sku, { limit: 2, pool: 'sale-2' })
    assert.equal(await gates.setTerms(other), 'other_pool')
    assert.equal((await gate.ask({ units: 2 })).tag, 'over_limit')
    const more = offerOf(gate.sku, { limit: 2, pool: 'sale-1' })
    assert.equal(await gates.setTerms(more), 'set')
    assert.equal((await gate.ask({ units: 2 })).tag, 'granted')
    const [message] = (await gate.entries())[0]?.messages ?? []
    assert.deepEqual(message?.kind === 'reserve' && message.terms, more.terms)
    await gates.setTerms({ ...more, payable: 0 })
    assert.deepEqual(await gate.ask(), { tag: 'unpayable', payable: 0 })
    await gates.setTerms({ ...more, endsAtMs: 1 })
    assert.deepEqual(await gate.ask(), { tag: 'ended' })
  },
}
