/** One transaction of the owner: all of it is written, or none. Statement by statement as in commit-batch.ts. */
import { Fenced } from '../../../src/actor/actor.ts'
import {
  type BuyerUnits,
  type Decision,
  type Hold,
  poolKey,
  type Rejected,
  type SkuState,
} from '../../../src/stock/decide/state.ts'
import { Contested, RefusedWork } from '../../../src/stock/ports.ts'
import type { Reserve } from '../../../src/stock/protocol/messages.ts'
import type { Mutants } from '../mutants.ts'
import { type HoldRow, type LedgerTables, ownKey } from './ledger-tables.ts'

const intMax = 2 ** 31 - 1

export class Batch {
  readonly #tables: LedgerTables
  readonly #nowMs: number
  readonly #mutants: Mutants
  /** Undoes what was written so far, the last first. */
  readonly #undo: (() => void)[] = []

  constructor(tables: LedgerTables, nowMs: number, mutants: Mutants) {
    this.#tables = tables
    this.#nowMs = nowMs
    this.#mutants = mutants
  }

  /** @throws Fenced, Contested or RefusedWork; then nothing was written. */
  write(decisions: readonly Decision[], holdSeconds: number): void {
    try {
      this.#moveLedger(decisions)
      const deadline = this.#nowMs + holdSeconds * 1_000
      for (const { after, reserved } of decisions)
        for (const reserve of reserved) this.#insertReserved(after.sku, reserve, deadline)
      for (const { rejected } of decisions) for (const each of rejected) this.#insertRejected(each)
      for (const { after, moved } of decisions)
        for (const hold of moved) this.#moveHold(after.sku, hold)
      for (const { buyerUnits } of decisions)
        for (const each of buyerUnits.values()) this.#count(each)
      for (const { closed } of decisions)
        for (const { id, outcome } of closed) this.#close(id, outcome)
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo()
      throw error
    }
  }

  /** The fence: rows that are not where the decision started are not moved, and then nothing is. */
  #moveLedger(decisions: readonly Decision[]): void {
    const rows = decisions.flatMap(({ before, after, shadow }) => {
      const row = this.#tables.ledger.get(after.sku)
      const expected =
        row?.state.generation === after.generation && row.state.cursor === before.cursor
      return row && (expected || this.#mutants.noFence) ? [{ row, after, shadow }] : []
    })
    for (const { after } of rows) expectSound(after)
    if (rows.length !== decisions.length)
      throw new Fenced(`fenced: ${rows.length} of ${decisions.length} rows moved`)
    for (const { row, after, shadow } of rows) {
      const { state, shadow: shadowBefore } = row
      this.#undo.push(() => {
        row.state = state
        row.shadow = shadowBefore
      })
      row.state = after
      row.shadow = new Map(shadow)
    }
  }

  #insertReserved(sku: string, reserve: Reserve, expiresAtMs: number): void {
    const { checkoutId: id, buyerId, key, fingerprint, units, terms } = reserve
    if (key !== null) {
      const { checkouts, keys } = this.#tables
      if (checkouts.has(id)) throw new Contested(`duplicate key: checkouts_pkey ${id}`)
      const named = ownKey(buyerId, key)
      if (keys.has(named) && !this.#mutants.keysShared)
        throw new Contested(`duplicate key: checkouts_buyer_key ${named}`)
      this.#put(checkouts, id, {
        ...{ id, buyerId, key, fingerprint, status: 'reserved' as const, reason: null },
        ...{ duplicateOf: null, expiresAtMs },
      })
      this.#put(keys, named, id)
    }
    if (units < 0) throw new Contested('check violated: holds_units_range')
    if (units > intMax) throw new RefusedWork(`out of range: ${units}`)
    const holds = this.#holdsOf(id)
    if (holds.has(sku)) throw new Contested(`duplicate key: holds_pkey ${id} ${sku}`)
    const { pool } = terms
    this.#put(holds, sku, { checkoutId: id, sku, units, pool, buyerId, state: 'held' as const })
  }

  #insertRejected({ reserve, reason, duplicateOf }: Rejected): void {
    const { checkoutId: id, buyerId, key, fingerprint } = reserve
    if (key === null || this.#tables.checkouts.has(id)) return
    this.#put(this.#tables.checkouts, id, {
      ...{ id, buyerId, key: null, fingerprint, status: 'rejected' as const, reason },
      ...{ duplicateOf, expiresAtMs: null },
    })
  }

  #moveHold(sku: string, { checkoutId, buyerId, units, state }: Hold): void {
    if (state === 'void' && this.#mutants.noTombstones) return
    const holds = this.#holdsOf(checkoutId)
    const row = holds.get(sku)
    if (row) {
      const before = { state: row.state, units: row.units }
      this.#undo.push(() => {
        Object.assign(row, before)
      })
      Object.assign(row, { state, units: state === 'void' ? row.units : units })
      return
    }
    const owner = buyerId === '' ? checkoutId : buyerId
    this.#put(holds, sku, { checkoutId, sku, units, pool: null, buyerId: owner, state })
  }

  #count({ pool, buyerId, limit, delta }: BuyerUnits): void {
    if (delta === 0) return
    const named = poolKey(pool, buyerId)
    const { buyerUnits } = this.#tables
    const row = buyerUnits.get(named)
    if (delta < 0) {
      if (row) this.#put(buyerUnits, named, { ...row, units: Math.max(row.units + delta, 0) })
      return
    }
    const units = (row?.units ?? 0) + delta
    // PostgreSQL checks the row that it was to insert before it looks for the one that is there.
    if ((delta > limit || units > limit) && !this.#mutants.limitsUnchecked)
      throw new Contested(`check violated: buyer_units_within_limit ${named}`)
    this.#put(buyerUnits, named, { pool, buyerId, units, limit })
  }

  #close(id: string, outcome: string): void {
    const row = this.#tables.commands.get(id)
    if (!row) return
    const { doneAtMs, outcome: before, closings } = row
    const { openCommands } = this.#tables
    const open = openCommands.delete(row)
    this.#undo.push(() => {
      Object.assign(row, { doneAtMs, outcome: before, closings })
      if (open) openCommands.add(row)
    })
    Object.assign(row, { doneAtMs: this.#nowMs, outcome, closings: closings + 1 })
  }

  #holdsOf(checkoutId: string): Map<string, HoldRow> {
    const found = this.#tables.holds.get(checkoutId)
    if (found) return found
    const made = new Map<string, HoldRow>()
    this.#put(this.#tables.holds, checkoutId, made)
    return made
  }

  #put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
    const before = map.get(key)
    this.#undo.push(() => {
      if (before === undefined) map.delete(key)
      else map.set(key, before)
    })
    map.set(key, value)
  }
}

/** The CHECK constraints of the ledger's row. */
function expectSound({ sku, onHand, free, setAside, held, sold }: SkuState): void {
  if (onHand !== free + setAside + held + sold)
    throw new Contested(`check violated: ledger_units_balance ${sku}`)
  if (free < 0 || setAside < 0 || held < 0 || sold < 0)
    throw new Contested(`check violated: ledger_units_not_negative ${sku}`)
  if (onHand > intMax) throw new RefusedWork(`out of range: ${onHand}`)
}
