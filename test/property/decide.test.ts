// Any order, duplication and batching of messages: the units always balance, every hold ends once, and no
// limit is passed. A PostgreSQL of twenty lines keeps what the decisions say and answers for evidence.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decide } from '../../src/stock/decide/decide.ts'
import { keyOf, poolKey, type SkuState } from '../../src/stock/decide/state.ts'
import type { Command, CommandKind, Entry, Reserve } from '../../src/stock/protocol/messages.ts'
import { aState, entriesAfter } from '../support/stock-builders.ts'
import { TinyStore } from '../support/tiny-store.ts'

const runs = { numRuns: Number(process.env.FC_RUNS ?? 300) }

type Message = Reserve | Command
const limit = 3
const buyers = ['b1', 'b2', 'b3']

const reserve = fc.record({
  kind: fc.constant('reserve' as const),
  // Ids are few, so that a message comes again and commands meet their holds.
  checkoutId: fc.nat(11).map((n) => `c${n}`),
  units: fc.integer({ min: 1, max: 3 }),
  part: fc.boolean(),
  limited: fc.boolean(),
})
const command = fc.record({
  kind: fc.constantFrom('release', 'sell', 'return', 'reclaim', 'restock'),
  checkoutId: fc.nat(11).map((n) => `c${n}`),
  units: fc.integer({ min: -4, max: 4 }),
})
/** Everything about a checkout follows from its id: one that is admitted twice carries the same message. */
const messages = fc
  .array(fc.oneof(reserve, command), { maxLength: 60, size: 'max' })
  .map((drawn) => drawn.map(messageOf))

type Drawn =
  | (typeof reserve extends fc.Arbitrary<infer R> ? R : never)
  | (typeof command extends fc.Arbitrary<infer C> ? C : never)

function messageOf(drawn: Drawn): Message {
  const number = Number(drawn.checkoutId.slice(1))
  if (drawn.kind !== 'reserve') {
    const { checkoutId, units } = drawn
    const kind = drawn.kind as CommandKind
    if (kind === 'restock') return { kind, id: `restock ${units}`, checkoutId: null, units }
    // One command of a kind for each checkout, as its unique index has it.
    return { kind, id: `${kind} ${checkoutId}`, checkoutId, units: null }
  }
  const { checkoutId, units, part, limited } = drawn
  const terms = {
    ...{ price: 1, currency: 'EUR', title: 'A', sellerId: null },
    ...(limited ? { pool: 'pool', limit } : { pool: null, limit: null }),
  }
  return {
    ...{ kind: 'reserve', checkoutId, units, terms, fingerprint: 'f', parts: part ? 2 : 1 },
    buyerId: buyers[number % buyers.length] as string,
    // Two checkouts share a key.
    key: part ? null : `k${number >> 1}`,
  }
}

/** Cuts messages into entries and entries into batches. */
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 8 })

function cut<T>(items: readonly T[], sizes: readonly number[]): T[][] {
  const pieces: T[][] = []
  for (let at = 0, i = 0; at < items.length; i++) {
    const size = sizes[i % sizes.length] as number
    pieces.push(items.slice(at, at + size))
    at += size
  }
  return pieces
}

function run(
  stock: number,
  batches: readonly (readonly Entry[])[],
  check: (state: SkuState, store: TinyStore) => void,
): { readonly state: SkuState; readonly store: TinyStore } {
  const store = new TinyStore()
  let state = aState(stock)
  for (const entries of batches) {
    store.write(entries)
    const decision = decide(state, entries, store.evidence(entries))
    store.apply(decision)
    state = decision.after
    check(state, store)
  }
  return { state, store }
}

function assertSound(state: SkuState, store: TinyStore): void {
  const { onHand, free, setAside, held, sold } = state
  assert.equal(onHand, free + setAside + held + sold)
  for (const count of [free, setAside, held, sold]) assert.ok(count >= 0)
  assert.equal(held, store.unitsIn('held'))
  assert.equal(sold, store.unitsIn('sold'))
  for (const [key, { units }] of store.units) {
    assert.ok(units >= 0 && units <= limit, `${key} counts ${units}`)
  }
  for (const buyer of buyers) {
    assert.equal(store.units.get(poolKey('pool', buyer))?.units ?? 0, store.keptBy('pool', buyer))
  }
}

test('units balance, nothing is below zero, limits hold and every hold ends once', () => {
  fc.assert(
    fc.property(fc.nat(12), messages, cuts, cuts, (stock, drawn, perEntry, perBatch) => {
      const entries = entriesAfter(aState(stock), ...cut(drawn, perEntry))
      // TinyStore throws when a hold moves twice from the same state or in a forbidden direction.
      run(stock, cut(entries, perBatch), assertSound)
    }),
    runs,
  )
})

test('what is decided does not depend on how entries are batched', () => {
  fc.assert(
    fc.property(fc.nat(12), messages, cuts, cuts, (stock, drawn, perEntry, perBatch) => {
      const entries = entriesAfter(aState(stock), ...cut(drawn, perEntry))
      const one = run(stock, cut(entries, [1]), () => {})
      const many = run(stock, cut(entries, perBatch), () => {})
      assert.deepEqual(many.state, one.state)
      assert.deepEqual(many.store.facts(), one.store.facts())
    }),
    runs,
  )
})

test('a command has one effect however often its message comes', () => {
  fc.assert(
    fc.property(fc.nat(12), messages, cuts, (stock, drawn, perEntry) => {
      const seen = new Set<string>()
      const once = drawn.filter((message: Message) => {
        if (message.kind === 'reserve') return true
        const fresh = !seen.has(message.id)
        seen.add(message.id)
        return fresh
      })
      const doubled: Message[] = drawn.flatMap((each: Message): Message[] =>
        each.kind === 'reserve' ? [each] : [each, each],
      )
      const entriesOf = (list: Message[]) =>
        cut(entriesAfter(aState(stock), ...cut(list, perEntry)), [3])
      const a = run(stock, entriesOf(once), () => {})
      const b = run(stock, entriesOf(doubled), () => {})
      assert.deepEqual(b.store.facts(), a.store.facts())
    }),
    runs,
  )
})

test('a batch that was applied, or any prefix of it, cannot be applied again', () => {
  fc.assert(
    fc.property(fc.nat(12), messages, cuts, fc.nat(), (stock, drawn, perEntry, length) => {
      const entries = entriesAfter(aState(stock), ...cut(drawn, perEntry))
      fc.pre(entries.length > 0)
      const { state, store } = run(stock, [entries], () => {})
      const prefix = entries.slice(0, 1 + (length % entries.length))
      assert.throws(() => decide(state, prefix, store.evidence(prefix)), { name: 'AssertionError' })
    }),
    runs,
  )
})

test('one key of a buyer is never held by two checkouts', () => {
  fc.assert(
    fc.property(messages, cuts, cuts, (drawn, perEntry, perBatch) => {
      const entries = entriesAfter(aState(40), ...cut(drawn, perEntry))
      const winners = new Map<string, string>()
      run(40, cut(entries, perBatch), (_, store) => {
        for (const { buyerId, key, checkoutId } of store.lastReserved) {
          if (key === null) continue
          const first = winners.get(keyOf(buyerId, key)) ?? checkoutId
          assert.equal(checkoutId, first)
          winners.set(keyOf(buyerId, key), first)
        }
      })
    }),
    runs,
  )
})
