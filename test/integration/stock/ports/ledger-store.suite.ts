/** What every LedgerStore does. Run it on each implementation; it knows none. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../../src/kernel/ids.ts'
import { keyOf, poolKey } from '../../../../src/stock/decide/state.ts'
import { Contested, RefusedWork } from '../../../../src/stock/ports.ts'
import type { Reserve } from '../../../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../../../src/stock/protocol/partition.ts'
import { aCommand, aReserve, entriesAfter, limitedTerms } from '../../../support/stock-builders.ts'
import {
  type Case,
  committed,
  decided,
  holdSeconds,
  type LedgerWorld,
  type MakeLedgerWorld,
  newSku,
  opened,
  stateOf,
  written,
} from './opened-ledger.ts'

/** Registers the contract for one implementation. */
export function ledgerStoreContract(name: string, make: MakeLedgerWorld): void {
  test(`the contract of the ledger, kept by ${name}`, async (t) => {
    const world = await make(t)
    const cases = { ...committing, ...contradicting, ...generations, ...reading }
    for (const [what, run] of Object.entries(cases)) await t.test(what, () => run(world))
  })
}

const committing: Record<string, Case> = {
  'a row is read back as it was decided, every column of it': async (world) => {
    const { sku, state } = await opened(world)
    const before = await state()
    const units = { onHand: 28, free: 3, setAside: 4, held: 5, sold: 16 }
    const after = { ...before, ...units, granted: 5_000_000_000, cursor: 6_000_000_000 }
    const shadow = new Map([[newId(), 2]])
    const decision = { ...(await decided(world, sku)), before, after, shadow }
    await world.ledger.commit([decision], holdSeconds)
    assert.deepEqual(await world.ledger.rows([sku, 'NOT THERE']), [{ state: after, shadow }])
    const next = { ...decision, before: after, after: { ...after, cursor: after.cursor + 1 } }
    await world.ledger.commit([{ ...next, shadow: new Map() }], holdSeconds)
    assert.equal((await world.ledger.rows([sku]))[0]?.shadow.size, 0)
  },
  'the deadline is so many seconds from now': async (world) => {
    const { sku } = await opened(world)
    const earliest = world.now() + holdSeconds * 1_000
    const deadline = await world.ledger.commit([await decided(world, sku, aReserve())], holdSeconds)
    const slack = 30_000
    assert.ok(
      deadline.getTime() >= earliest - slack && deadline.getTime() <= world.now() + 900_000 + slack,
    )
  },
  'a batch that was committed is fenced when it comes again': async (world) => {
    const { sku, state } = await opened(world)
    const decision = await decided(world, sku, aReserve())
    await world.ledger.commit([decision], holdSeconds)
    const after = await state()
    for (const ledger of [world.ledger, world.other]) {
      await assert.rejects(ledger.commit([decision], holdSeconds), { name: 'Fenced' })
    }
    assert.deepEqual(await state(), after)
  },
  'one fenced SKU takes the whole batch back': async (world) => {
    const [a, b] = [await opened(world), await opened(world)]
    const batch = [await decided(world, a.sku, aReserve()), await decided(world, b.sku, aReserve())]
    await committed(world, b.sku, aReserve())
    const before = await a.state()
    await assert.rejects(world.ledger.commit(batch, holdSeconds), { name: 'Fenced' })
    assert.deepEqual(await a.state(), before)
    await world.ledger.commit(batch.slice(0, 1), holdSeconds)
    assert.equal((await a.state()).held, 1)
  },
  'what does not fit is refused, and not contested': async (world) => {
    const { sku, state } = await opened(world)
    const before = await state()
    const decision = await decided(world, sku, aReserve())
    const after = { ...decision.after, onHand: 3_000_000_000, free: 2_999_999_999 }
    await assert.rejects(
      world.ledger.commit([{ ...decision, after }], holdSeconds),
      (error) => error instanceof RefusedWork && !(error instanceof Contested),
    )
    assert.deepEqual(await state(), before)
    const entries = entriesAfter(before, [aCommand('sell', { checkoutId: 'not an id' })])
    await assert.rejects(world.ledger.evidence(sku, entries, false), RefusedWork)
  },
}

/** The batch with each contradicted reserve and a sound one: contested, then committed with the reason. */
async function rejects(world: LedgerWorld, sku: string, reserve: Reserve, reason: string) {
  const before = await stateOf(world, sku)
  const sound = aReserve({ terms: reserve.terms })
  const hopeful = await decided(world, sku, reserve, sound)
  await assert.rejects(world.ledger.commit([hopeful], holdSeconds), Contested)
  assert.deepEqual(await stateOf(world, sku), before)
  const decision = await committed(world, sku, reserve, sound)
  const { rejected, reserved } = decision
  assert.deepEqual(
    rejected.map((each) => [each.reserve.checkoutId, each.reason]),
    [[reserve.checkoutId, reason]],
  )
  assert.deepEqual(
    reserved.map(({ checkoutId }) => checkoutId),
    [sound.checkoutId],
  )
  return decision
}

const contradicting: Record<string, Case> = {
  'a key that is taken, also by a checkout of another SKU': async (world) => {
    const [a, b] = [await opened(world), await opened(world)]
    const first = aReserve()
    await committed(world, a.sku, first)
    const again = aReserve({ buyerId: first.buyerId, key: first.key })
    const { rejected } = await rejects(world, b.sku, again, 'duplicate')
    assert.equal(rejected[0]?.duplicateOf, first.checkoutId)
  },
  'a limit that is passed, of all SKUs of a limit group together': async (world) => {
    const [a, b] = [await opened(world), await opened(world)]
    const terms = limitedTerms(2, newId())
    const first = aReserve({ units: 2, terms })
    await committed(world, a.sku, first)
    const { shadow } = await rejects(
      world,
      b.sku,
      aReserve({ buyerId: first.buyerId, terms }),
      'limit',
    )
    assert.deepEqual([...shadow], [[first.buyerId, 1]])
  },
  'a tombstone, which a release leaves that overtook its reserve': async (world) => {
    const { sku } = await opened(world)
    const late = aReserve()
    const { checkoutId } = late
    const release = await written(world, sku, 'release', { checkoutId })
    const { moved } = await committed(world, sku, release)
    assert.deepEqual(
      moved.map(({ state }) => state),
      ['void'],
    )
    await rejects(world, sku, late, 'cancelled')
  },
  'a checkout that was rejected keeps its id': async (world) => {
    const [a, b] = [await opened(world), await opened(world, 0)]
    const reserve = aReserve()
    const { rejected } = await committed(world, b.sku, reserve)
    assert.equal(rejected[0]?.reason, 'units')
    await rejects(world, a.sku, reserve, 'cancelled')
  },
  'evidence tells commands alone, unless the batch is contested': async (world) => {
    const { sku, state } = await opened(world)
    const terms = limitedTerms(3, newId())
    const reserve = aReserve({ terms, units: 2 })
    const { checkoutId, buyerId, key } = reserve
    await committed(world, sku, reserve)
    const closed = await written(world, sku, 'sell', { checkoutId })
    await committed(world, sku, closed)
    const open = await written(world, sku, 'return', { checkoutId })
    const entries = entriesAfter(await state(), [closed, open], [reserve])
    const hold = { checkoutId, buyerId, units: 2, pool: terms.pool, state: 'sold' }
    const units = new Map([[poolKey(terms.pool as string, buyerId), { units: 2, limit: 3 }]])
    const commands = {
      openCommands: new Set([open.id]),
      holds: new Map([[checkoutId, hold]]),
      units,
    }
    assert.deepEqual(await world.ledger.evidence(sku, entries, false), {
      ...commands,
      ...{ checkouts: new Set(), keys: new Map() },
    })
    assert.deepEqual(await world.ledger.evidence(sku, entries, true), {
      ...commands,
      checkouts: new Set([checkoutId]),
      keys: new Map([[keyOf(buyerId, key as string), checkoutId]]),
    })
  },
  'units given back may be had again, and late money counts against the limit': async (world) => {
    const { sku, state } = await opened(world, 3)
    const terms = limitedTerms(2, newId())
    const first = aReserve({ units: 2, terms })
    const { checkoutId, buyerId } = first
    const release = await written(world, sku, 'release', { checkoutId })
    await committed(world, sku, first)
    await committed(world, sku, release)
    await committed(world, sku, aReserve({ buyerId, terms }))
    const reclaim = await written(world, sku, 'reclaim', { checkoutId, units: 2 })
    const { closed } = await committed(world, sku, reclaim)
    assert.deepEqual(closed, [{ id: reclaim.id, outcome: 'over the limit' }])
    const { free, held, sold } = await state()
    assert.deepEqual({ free, held, sold }, { free: 2, held: 1, sold: 0 })
  },
  'a command is applied once, however often it comes': async (world) => {
    const { sku, state } = await opened(world)
    const restock = await written(world, sku, 'restock', { units: 5 })
    await committed(world, sku, restock, restock)
    await committed(world, sku, restock)
    assert.equal((await state()).free, 15)
  },
}

const generations: Record<string, Case> = {
  'a new generation moves opened rows to its beginning, fences the old one, and no other': async (
    world,
  ) => {
    const { ledger } = world
    const { sku, partition, generation, state } = await opened(world)
    let cold = newSku()
    while (partitionOf(cold) !== partition) cold = newSku()
    await world.addStock(cold, 5)
    const inFlight = await decided(world, sku, aReserve())
    const shadow = new Map([[newId(), 1]])
    await ledger.commit([{ ...(await decided(world, sku, aReserve())), shadow }], holdSeconds)
    const next = generation + 5
    await ledger.nextGeneration(partition, generation, next, 'another run')
    assert.deepEqual(await ledger.partition(partition), { generation: next, runId: 'another run' })
    const { cursor, held } = await state()
    assert.deepEqual([cursor, held], [0, 1])
    const rows = await ledger.openedRows(partition, next)
    assert.deepEqual(rows.find((row) => row.state.sku === sku)?.shadow, new Map())
    assert.ok(rows.every((row) => row.state.sku !== cold))
    assert.deepEqual(await ledger.openedRows(partition, generation), [])
    await assert.rejects(ledger.commit([inFlight], holdSeconds), { name: 'Fenced' })
    const behind = ledger.nextGeneration(partition, generation, next + 1, 'a run')
    await assert.rejects(behind, { name: 'Fenced' })
    assert.equal((await state()).generation, next)
  },
  'a gate is opened once in a generation': async (world) => {
    const { sku, partition, generation } = await opened(world)
    const again = world.other.openGates(partition, [sku], generation)
    await assert.rejects(again, { name: 'Fenced' })
    assert.equal((await stateOf(world, sku)).generation, generation)
  },
  'gates that are not trusted have no run any more': async (world) => {
    const { partition, generation } = await opened(world)
    await world.ledger.distrustGates()
    assert.deepEqual(await world.ledger.partition(partition), { generation, runId: null })
  },
}

const reading: Record<string, Case> = {
  'open commands are told once they are a second old, the oldest first, but for some SKUs': async (
    world,
  ) => {
    const { sku, partition } = await opened(world)
    let other = newSku()
    while (partitionOf(other) !== partition) other = newSku()
    const first = await written(world, sku, 'restock', { units: 1 })
    const young = await world.ledger.openCommands(partition, [], 10)
    assert.ok(young.every(({ id }) => id !== first.id))
    await world.age()
    const left = await written(world, other, 'restock', { units: 1 })
    const second = await written(world, sku, 'restock', { units: 2 })
    await world.age()
    const told = async (...given: [readonly string[], number]) =>
      (await world.ledger.openCommands(partition, ...given)).map(({ id }) => id)
    assert.deepEqual(await told([other], 10), [first.id, second.id])
    assert.deepEqual(await told([other], 1), [first.id])
    assert.ok((await told([], 10)).includes(left.id))
    const all = await world.ledger.allOpenCommands(1_000)
    assert.deepEqual(
      all.find(({ id }) => id === second.id),
      { ...second, sku },
    )
    await committed(world, sku, first, second)
    assert.deepEqual(await told([other], 10), [])
  },
  'buyers of a limit group come page by page, without those who hold nothing': async (world) => {
    const { sku } = await opened(world, 100)
    const terms = limitedTerms(5, newId())
    const reserves = Array.from({ length: 5 }, (_, i) => aReserve({ units: i + 1, terms }))
    await committed(world, sku, ...reserves)
    const gone = reserves[0] as Reserve
    const { checkoutId } = gone
    await committed(world, sku, await written(world, sku, 'release', { checkoutId }))
    const expected = reserves.slice(1).map(({ buyerId, units }) => ({ buyerId, units }))
    expected.sort((a, b) => (a.buyerId < b.buyerId ? -1 : 1))
    const found: typeof expected = []
    for (let after = ''; ; ) {
      const page = await world.ledger.buyersOf(terms.pool as string, after, 3)
      if (page.length === 0) break
      assert.ok(page.length <= 3)
      found.push(...page)
      after = page.at(-1)?.buyerId as string
    }
    assert.deepEqual(found, expected)
  },
  'checkouts of a partition come page by page, by their ids': async (world) => {
    const { sku, partition, generation } = await opened(world, 100)
    const from = world.ids.mint(partition, generation, newId())
    const reserves = Array.from({ length: 4 }, () => {
      const buyerId = newId()
      return aReserve({ buyerId, checkoutId: world.ids.mint(partition, generation, buyerId) })
    })
    const elsewhere = aReserve({ checkoutId: world.ids.mint(partition + 1, generation, newId()) })
    await committed(world, sku, ...reserves, elsewhere)
    const page = await world.ledger.recentRequests(partition, from, 3)
    const rest = await world.ledger.recentRequests(partition, page.at(-1)?.checkoutId as string, 3)
    assert.deepEqual(
      [...page, ...rest],
      reserves.map(({ checkoutId, buyerId, key, fingerprint }) => ({
        ...{ checkoutId, buyerId, key, fingerprint, sku },
      })),
    )
    assert.equal(page.length, 3)
  },
}
