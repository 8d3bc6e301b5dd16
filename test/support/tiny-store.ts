/** What PostgreSQL keeps of a SKU's decisions, in memory and in as few words as possible. */
import assert from 'node:assert/strict'
import {
  type Counted,
  type Decision,
  type Evidence,
  type Hold,
  type HoldState,
  keyOf,
} from '../../src/stock/decide/state.ts'
import type { Entry, Reserve } from '../../src/stock/protocol/messages.ts'

/** One message moves a hold one step. */
const steps: Record<string, readonly HoldState[]> = {
  '': ['held', 'void'],
  held: ['released', 'sold', 'returned'],
  // Late money buys what was given back.
  released: ['sold'],
  sold: ['returned'],
  void: [],
  returned: [],
}

export class TinyStore {
  readonly holds = new Map<string, Hold>()
  readonly checkouts = new Set<string>()
  readonly keys = new Map<string, string>()
  readonly units = new Map<string, Counted>()
  readonly #open = new Set<string>()
  readonly #done = new Map<string, string>()
  lastReserved: readonly Reserve[] = []

  /** The commands of these entries are rows before they are messages. */
  write(entries: readonly Entry[]): void {
    for (const message of entries.flatMap(({ messages }) => messages)) {
      if (message.kind !== 'reserve' && !this.#done.has(message.id)) this.#open.add(message.id)
    }
  }

  evidence(entries: readonly Entry[]): Evidence {
    const messages = entries.flatMap((entry) => entry.messages)
    const ids = messages.flatMap((message) => message.checkoutId ?? [])
    const within = (id: string) => ids.includes(id)
    return {
      checkouts: new Set([...this.checkouts].filter(within)),
      keys: new Map(this.keys),
      units: new Map(this.units),
      holds: new Map([...this.holds].filter(([id]) => within(id))),
      openCommands: new Set(this.#open),
    }
  }

  apply(decision: Decision): void {
    this.lastReserved = decision.reserved
    for (const { checkoutId, buyerId, units, key, terms } of decision.reserved) {
      this.#move({ checkoutId, buyerId, units, pool: terms.pool, state: 'held' })
      if (key === null) continue
      assert.ok(!this.keys.has(keyOf(buyerId, key)), 'one key, one checkout')
      assert.ok(!this.checkouts.has(checkoutId), 'one id, one checkout')
      this.keys.set(keyOf(buyerId, key), checkoutId)
      this.checkouts.add(checkoutId)
    }
    for (const hold of decision.moved) this.#move(hold)
    for (const { reserve } of decision.rejected) {
      if (reserve.key !== null) this.checkouts.add(reserve.checkoutId)
    }
    for (const [key, { delta, limit }] of decision.buyerUnits) {
      const before = this.units.get(key)
      const kept = delta > 0 ? limit : (before?.limit ?? limit)
      this.units.set(key, { units: (before?.units ?? 0) + delta, limit: kept })
    }
    for (const { id, outcome } of decision.closed) {
      assert.ok(this.#open.delete(id), `${id} is closed once`)
      this.#done.set(id, outcome)
    }
  }

  unitsIn(state: HoldState): number {
    return this.#sum((hold) => hold.state === state)
  }

  keptBy(pool: string, buyer: string): number {
    return this.#sum(
      (hold) =>
        hold.pool === pool &&
        hold.buyerId === buyer &&
        (hold.state === 'held' || hold.state === 'sold'),
    )
  }

  facts() {
    const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      holds: sorted(this.holds),
      keys: sorted(this.keys),
      units: sorted(this.units).filter(([, { units }]) => units !== 0),
      done: sorted(this.#done),
    }
  }

  #move(hold: Hold): void {
    const from = this.holds.get(hold.checkoutId)?.state ?? ''
    assert.ok(
      stepsFrom(from).has(hold.state),
      `${hold.checkoutId} moves from ${from || 'nothing'} to ${hold.state}`,
    )
    this.holds.set(hold.checkoutId, hold)
  }

  #sum(wanted: (hold: Hold) => boolean): number {
    let sum = 0
    for (const hold of this.holds.values()) if (wanted(hold)) sum += hold.units
    return sum
  }
}

/** A batch may take several steps before anything of it is written. */
function stepsFrom(from: string): ReadonlySet<HoldState> {
  const reached = new Set<HoldState>()
  const add = (state: string) => {
    for (const next of steps[state] ?? []) {
      if (reached.has(next)) continue
      reached.add(next)
      add(next)
    }
  }
  add(from)
  return reached
}
