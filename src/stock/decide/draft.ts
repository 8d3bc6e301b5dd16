import { assert } from '../../kernel/assert.ts'
import type { Reserve } from '../protocol/messages.ts'
import {
  type BuyerUnits,
  type Counted,
  type Decision,
  type Evidence,
  type Hold,
  keyOf,
  poolKey,
  type Rejected,
  type SkuState,
} from './state.ts'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * A decision in the making, for the files of the messages, which have the rules: the SKU's row as
 * it is by now, in units, and the books of what the batch changes. It answers from the batch first
 * and from the evidence then.
 */
export class Draft {
  /**
   * The row as it is by now. Whoever moves units changes it so that they still balance at the end.
   */
  readonly state: Mutable<SkuState>
  readonly #before: SkuState
  readonly #evidence: Evidence
  readonly #reserved = new Map<string, Reserve>()
  readonly #rejected: Rejected[] = []
  /** Ids of those rejected checkouts that get a row. */
  readonly #refused = new Set<string>()
  readonly #moved = new Map<string, Hold>()
  readonly #closed = new Map<string, string>()
  readonly #keys = new Map<string, string>()
  readonly #buyerUnits = new Map<string, BuyerUnits>()
  readonly #shadow = new Map<string, number>()

  constructor(before: SkuState, evidence: Evidence) {
    this.#before = before
    this.#evidence = evidence
    this.state = { ...before }
  }

  /** Whether a command waits to be applied: it is open, and this batch has not closed it. */
  isOpen(commandId: string): boolean {
    return this.#evidence.openCommands.has(commandId) && !this.#closed.has(commandId)
  }

  /** Whether the checkout has a row, or gets one as rejected with this batch. */
  knows(checkoutId: string): boolean {
    return this.#evidence.checkouts.has(checkoutId) || this.#refused.has(checkoutId)
  }

  /** The checkout that has the reserve's key, if any. */
  ownerOfKey({ buyerId, key }: Reserve): string | undefined {
    if (key === null) return undefined
    const named = keyOf(buyerId, key)
    return this.#keys.get(named) ?? this.#evidence.keys.get(named)
  }

  /** The checkout's hold on this SKU, as it is by now. */
  hold(checkoutId: string): Hold | undefined {
    const moved = this.#moved.get(checkoutId)
    if (moved) return moved
    const reserve = this.#reserved.get(checkoutId)
    if (!reserve) return this.#evidence.holds.get(checkoutId)
    const { buyerId, units, terms } = reserve
    return { checkoutId, buyerId, units, pool: terms.pool, state: 'held' }
  }

  /**
   * Units counted for a buyer by the ledger and by this batch; undefined when neither knows of any.
   */
  counted(pool: string, buyerId: string): Counted | undefined {
    const named = poolKey(pool, buyerId)
    const known = this.#evidence.units.get(named)
    const here = this.#buyerUnits.get(named)
    if (!known && !here) return undefined
    return {
      units: (known?.units ?? 0) + (here?.delta ?? 0),
      limit: Math.max(known?.limit ?? 0, here?.limit ?? 0),
    }
  }

  /** Keeps a reserve: its hold, its key and its count. The caller moves the units. */
  keep(reserve: Reserve): void {
    const { checkoutId, buyerId, key, units, terms } = reserve
    this.#reserved.set(checkoutId, reserve)
    if (key !== null) this.#keys.set(keyOf(buyerId, key), checkoutId)
    this.count(terms.pool, buyerId, units, terms.limit ?? 0)
  }

  /** Turns a reserve down; the gate takes its count back. */
  reject(rejected: Rejected): void {
    const { checkoutId, buyerId, key, units, terms } = rejected.reserve
    this.#rejected.push(rejected)
    if (key !== null) this.#refused.add(checkoutId)
    this.takeBack(terms.pool, buyerId, units)
  }

  /**
   * Gives a hold, or a tombstone, the state that it has from now on. The caller moves the units.
   */
  move(hold: Hold): void {
    this.#moved.set(hold.checkoutId, hold)
  }

  /** Closes a command with what became of it. */
  close(commandId: string, outcome: string): void {
    this.#closed.set(commandId, outcome)
  }

  /**
   * Changes what counts against a buyer's limit. `limit` is the one to note, 0 for none; without a
   * pool nothing counts.
   */
  count(pool: string | null, buyerId: string, units: number, limit: number): void {
    if (pool === null) return
    const named = poolKey(pool, buyerId)
    const before = this.#buyerUnits.get(named)
    this.#buyerUnits.set(named, {
      pool,
      buyerId,
      limit: Math.max(limit, before?.limit ?? 0),
      delta: (before?.delta ?? 0) + units,
    })
  }

  /**
   * Has the gate take units off its own count of a buyer; negative adds them. Without a pool it
   * counts nobody.
   */
  takeBack(pool: string | null, buyerId: string, units: number): void {
    if (pool === null) return
    this.#shadow.set(buyerId, (this.#shadow.get(buyerId) ?? 0) + units)
  }

  /** What the batch comes to. @throws AssertionError when units do not balance. */
  decision(): Decision {
    const { sku, onHand, free, setAside, held, sold } = this.state
    assert(
      onHand === free + setAside + held + sold && free >= 0 && setAside >= 0,
      `${sku}: units do not balance`,
    )
    return {
      before: this.#before,
      after: this.state,
      reserved: [...this.#reserved.values()],
      rejected: this.#rejected,
      moved: [...this.#moved.values()],
      closed: [...this.#closed].map(([id, outcome]) => ({ id, outcome })),
      buyerUnits: this.#buyerUnits,
      shadow: this.#shadow,
    }
  }
}
