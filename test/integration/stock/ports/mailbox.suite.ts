/** What every Mailbox, and every Wakes, does. Run it on each implementation; it knows none. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { partitionOf } from '../../../../src/stock/protocol/partition.ts'
import { eventually } from '../../../support/eventually.ts'
import { type Case, type MakeGateWorld, newSku, openGate } from './opened-gate.ts'

/** Registers the contract for one implementation. */
export function mailboxContract(name: string, make: MakeGateWorld): void {
  test(`the contract of mailboxes and messages, kept by ${name}`, async (t) => {
    const fresh = await make(t)
    for (const [what, run] of Object.entries({ ...reading, ...messages })) {
      await t.test(what, async (t) => run(await fresh(), t))
    }
  })
}

const reading: Record<string, Case> = {
  'several mailboxes are read at once, each after its cursor and not beyond the bound': async (
    world,
  ) => {
    const a = await openGate(world)
    let sku = newSku()
    while (partitionOf(sku) !== a.partition) sku = newSku()
    const b = await openGate(world, { state: { sku, cursor: 7 } })
    for (let i = 0; i < 4; i++) await a.ask()
    await b.ask()
    const places = [
      { sku: 'NOTHING', generation: 1, cursor: 0 },
      { ...b.state, cursor: 7 },
      { ...a.state, cursor: 1 },
    ]
    const read = await world.mailbox.read(a.partition, places, 2)
    assert.deepEqual(
      read.map((entries) => entries.map(({ seq }) => seq)),
      [[], [8], [2, 3]],
    )
    assert.deepEqual(await world.mailbox.read(a.partition, [], 2), [])
  },
  'a mailbox tells what is there, and says nothing of what is missing before': async (world) => {
    const gate = await openGate(world)
    for (let i = 0; i < 3; i++) await gate.ask()
    await gate.settle({ cursor: 2, free: 8, granted: 2 })
    assert.deepEqual(
      (await gate.entries(0)).map(({ seq }) => seq),
      [3],
    )
  },
  'a mailbox of an older generation is not read on in a newer one': async (world) => {
    const gate = await openGate(world)
    await gate.ask()
    const place = { ...gate.state, generation: 2 }
    assert.deepEqual(await world.mailbox.read(gate.partition, [place], 10), [[]])
  },
  'what is ready and what is wanted is known until it is forgotten': async (world) => {
    const gate = await openGate(world)
    const { mailbox, gates } = world
    await gate.ask()
    let sku = newSku()
    while (partitionOf(sku) !== gate.partition) sku = newSku()
    await gates.want(sku)
    await gates.want(sku)
    const both = { ready: [gate.sku], wanted: [sku] }
    assert.deepEqual(await mailbox.waiting(gate.partition), both)
    await mailbox.forgetReady(gate.partition, [])
    await mailbox.forgetWanted(gate.partition, ['ANOTHER'])
    assert.deepEqual(await mailbox.waiting(gate.partition), both)
    await mailbox.forgetReady(gate.partition, [gate.sku])
    await mailbox.forgetWanted(gate.partition, [sku])
    assert.deepEqual(await mailbox.waiting(gate.partition), { ready: [], wanted: [] })
  },
  'a gate that is built is not wanted any more': async (world) => {
    const sku = newSku()
    await world.gates.want(sku)
    assert.equal(await world.mailbox.hasGate(sku, 1), false)
    const gate = await openGate(world, { state: { sku } })
    assert.equal(await world.mailbox.hasGate(sku, 1), true)
    assert.equal(await world.mailbox.hasGate(sku, 2), false)
    assert.deepEqual((await world.mailbox.waiting(gate.partition)).wanted, [])
  },
}

const messages: Record<string, Case> = {
  'results are heard of the partitions that are listened to': async ({ wakes }, t) => {
    const heard: string[] = []
    t.after(wakes.onResults((words) => heard.push(words)))
    await wakes.listenToResults(3)
    wakes.publishResults(4, 'of another')
    wakes.publishResults(3, 'one')
    await eventually(() => assert.deepEqual(heard, ['one']))
    wakes.leaveResults(3)
    await wakes.listenToResults(5)
    wakes.publishResults(3, 'too late')
    wakes.publishResults(5, 'two')
    await eventually(() => assert.deepEqual(heard, ['one', 'two']))
  },
  'who has ended a subscription hears nothing more': async ({ wakes }, t) => {
    const heard: string[] = []
    const end = wakes.onResults((words) => heard.push(`first ${words}`))
    t.after(wakes.onResults((words) => heard.push(words)))
    await wakes.listenToResults(6)
    end()
    wakes.publishResults(6, 'one')
    await eventually(() => assert.deepEqual(heard, ['one']))
  },
}
