/**
 * The heart: what a batch of mailbox entries does to a SKU. Pure: state, entries and evidence in, a
 * decision out. Nothing here reads a clock, a store or a random number.
 */
import { assert } from '../../kernel/assert.ts'
import type { Command, Entry, Reserve } from '../protocol/messages.ts'

/** The ledger row in memory. `onHand = free + setAside + held + sold`. */
export interface SkuState {
  readonly sku: string
  readonly onHand: number
  readonly free: number
  readonly setAside: number
  readonly held: number
  readonly sold: number
  readonly granted: number
  readonly generation: number
  readonly cursor: number
}

export type HoldState = 'held' | 'sold' | 'released' | 'returned' | 'void'

export interface Hold {
  readonly checkoutId: string
  readonly buyerId: string
  readonly units: number
  readonly pool: string | null
  readonly state: HoldState
}

/**
 * What PostgreSQL already knows that may contradict the batch. Empty on the fast path: a batch of
 * reserves is tried as if nothing contradicted it, and a violated constraint brings the evidence.
 */
export interface Evidence {
  /** Ids of checkouts that exist: tombstones of cancels that overtook their reserve. */
  readonly checkouts: ReadonlySet<string>
  /** `buyer key` → the checkout that has the key. */
  readonly keys: ReadonlyMap<string, string>
  /** `pool buyer` → units counted against the limit. */
  readonly units: ReadonlyMap<string, Counted>
  /** Checkout id → its hold on this SKU. */
  readonly holds: ReadonlyMap<string, Hold>
  /** Ids of the batch's commands that are still open. */
  readonly openCommands: ReadonlySet<string>
}

export interface Counted {
  readonly units: number
  readonly limit: number
}

/** A ledger row counts in 32 bits: a commit that does not fit would be tried for ever. */
const onHandMax = 2_000_000_000

export const noEvidence: Evidence = {
  checkouts: new Set(),
  keys: new Map(),
  units: new Map(),
  holds: new Map(),
  openCommands: new Set(),
}

export type RejectReason = 'duplicate' | 'limit' | 'units' | 'cancelled'

export interface Rejected {
  readonly reserve: Reserve
  readonly reason: RejectReason
  /** The checkout that has the key, for a duplicate. */
  readonly duplicateOf: string | null
}

export interface Decision {
  readonly before: SkuState
  readonly after: SkuState
  readonly reserved: readonly Reserve[]
  readonly rejected: readonly Rejected[]
  /** Holds that existed before the batch and whose state changes, and tombstones (`void`). */
  readonly moved: readonly Hold[]
  /** Commands to close, with what became of them. */
  readonly closed: readonly { readonly id: string; readonly outcome: string }[]
  /** `pool buyer` → change of the units counted against the limit. */
  readonly buyerUnits: ReadonlyMap<string, BuyerUnits>
  /** Buyer → units to take back from the gate's count: granted there, not kept here. */
  readonly shadow: ReadonlyMap<string, number>
}

export interface BuyerUnits {
  readonly pool: string
  readonly buyerId: string
  readonly limit: number
  readonly delta: number
}

export const keyOf = (buyerId: string, key: string): string => `${buyerId} ${key}`
export const poolKey = (pool: string, buyerId: string): string => `${pool} ${buyerId}`

/**
 * Applies entries in order. Entries must follow the state's cursor without a gap: a hole means that the
 * mailbox lost something, and the caller rebuilds instead.
 */
export function decide(state: SkuState, entries: readonly Entry[], evidence: Evidence): Decision {
  const draft = new Draft(state, evidence)
  for (const entry of entries) {
    assert(
      entry.generation === state.generation && entry.seq === draft.cursor + 1,
      `${state.sku}: entry ${entry.generation}-${entry.seq} does not follow ${state.generation}-${draft.cursor}`,
    )
    for (const message of entry.messages) {
      if (message.kind === 'reserve') draft.reserve(message)
      else draft.command(message)
    }
    draft.cursor = entry.seq
    draft.granted = entry.granted
  }
  return draft.decision()
}

class Draft {
  readonly #before: SkuState
  readonly #evidence: Evidence
  #onHand: number
  #free: number
  #held: number
  #sold: number
  cursor: number
  granted: number
  readonly #reserved = new Map<string, Reserve>()
  readonly #rejected: Rejected[] = []
  /** Ids of those rejected checkouts that get a row. */
  readonly #refused = new Set<string>()
  readonly #moved = new Map<string, Hold>()
  readonly #closed = new Map<string, string>()
  readonly #keys = new Map<string, string>()
  readonly #buyerUnits = new Map<string, BuyerUnits>()
  readonly #shadow = new Map<string, number>()

  constructor(state: SkuState, evidence: Evidence) {
    this.#before = state
    this.#evidence = evidence
    this.#onHand = state.onHand
    this.#free = state.free
    this.#held = state.held
    this.#sold = state.sold
    this.cursor = state.cursor
    this.granted = state.granted
  }

  reserve(reserve: Reserve): void {
    const reason = this.#whyNot(reserve)
    if (reason) {
      const winner = reason === 'duplicate' ? this.#winner(reserve) : undefined
      this.#rejected.push({ reserve, reason, duplicateOf: winner ?? null })
      if (reserve.key !== null) this.#refused.add(reserve.checkoutId)
      if (reserve.terms.pool !== null) this.#takeBack(reserve.buyerId, reserve.units)
      return
    }
    this.#free -= reserve.units
    this.#held += reserve.units
    this.#reserved.set(reserve.checkoutId, reserve)
    if (reserve.key !== null)
      this.#keys.set(keyOf(reserve.buyerId, reserve.key), reserve.checkoutId)
    this.#count(reserve.terms.pool, reserve.buyerId, reserve.units, reserve.terms.limit ?? 0)
  }

  command(command: Command): void {
    if (!this.#evidence.openCommands.has(command.id) || this.#closed.has(command.id)) return
    this.#closed.set(command.id, this.#apply(command))
  }

  decision(): Decision {
    const after: SkuState = {
      ...this.#before,
      onHand: this.#onHand,
      free: this.#free,
      held: this.#held,
      sold: this.#sold,
      granted: this.granted,
      cursor: this.cursor,
    }
    assert(
      after.onHand === after.free + after.setAside + after.held + after.sold && after.free >= 0,
      `${after.sku}: units do not balance`,
    )
    return {
      before: this.#before,
      after,
      reserved: [...this.#reserved.values()],
      rejected: this.#rejected,
      moved: [...this.#moved.values()],
      closed: [...this.#closed].map(([id, outcome]) => ({ id, outcome })),
      buyerUnits: this.#buyerUnits,
      shadow: this.#shadow,
    }
  }

  #whyNot(reserve: Reserve): RejectReason | null {
    if (reserve.key !== null && this.#knows(reserve.checkoutId)) return 'cancelled'
    if (this.#hold(reserve.checkoutId)) return 'cancelled'
    if (this.#winner(reserve) !== undefined) return 'duplicate'
    const { pool, limit } = reserve.terms
    if (pool !== null && limit !== null) {
      const key = poolKey(pool, reserve.buyerId)
      const counted =
        (this.#evidence.units.get(key)?.units ?? 0) + (this.#buyerUnits.get(key)?.delta ?? 0)
      if (counted + reserve.units > limit) return 'limit'
    }
    return this.#free < reserve.units ? 'units' : null
  }

  /** Whether the checkout has a row, or gets one as rejected with this batch. */
  #knows(checkoutId: string): boolean {
    return this.#evidence.checkouts.has(checkoutId) || this.#refused.has(checkoutId)
  }

  #winner(reserve: Reserve): string | undefined {
    if (reserve.key === null) return undefined
    const key = keyOf(reserve.buyerId, reserve.key)
    return this.#keys.get(key) ?? this.#evidence.keys.get(key)
  }

  #apply(command: Command): string {
    const { short = false } = command
    if (command.kind === 'restock') return this.#restock(command.units ?? 0, short)
    // Only a person's hand writes such a row.
    if (command.checkoutId === null) return 'names no checkout'
    const hold = this.#hold(command.checkoutId)
    if (!hold) {
      if (command.kind !== 'release') return 'no hold'
      this.#move({
        checkoutId: command.checkoutId,
        buyerId: '',
        units: 0,
        pool: null,
        state: 'void',
      })
      return 'voided'
    }
    if ((command.kind === 'sell' || command.kind === 'reclaim') && hold.state === 'held') {
      this.#held -= hold.units
      this.#sold += hold.units
      this.#move({ ...hold, state: 'sold' })
      return 'sold'
    }
    if (command.kind === 'release' && hold.state === 'held') {
      this.#held -= hold.units
      return this.#giveBack({ ...hold, state: 'released' })
    }
    if (command.kind === 'reclaim' && hold.state === 'released') return this.#reclaim(hold, short)
    // Commands of one checkout are posted apart and may change places. What came too early means what it
    // would have meant in time: a return before its sell, a reclaim before its release.
    if (command.kind === 'return' && (hold.state === 'sold' || hold.state === 'held')) {
      if (hold.state === 'sold') this.#sold -= hold.units
      else this.#held -= hold.units
      return this.#giveBack({ ...hold, state: 'returned' })
    }
    return `already ${hold.state}`
  }

  #giveBack(hold: Hold): string {
    this.#free += hold.units
    this.#count(hold.pool, hold.buyerId, -hold.units, 0)
    if (hold.pool !== null) this.#takeBack(hold.buyerId, hold.units)
    this.#move(hold)
    return hold.state
  }

  /** Late money: sells free units to a hold that has ended, if there are any and the limit allows it. */
  #reclaim(hold: Hold, short: boolean): string {
    if (short || this.#free < hold.units) return 'not enough free units'
    const counted = hold.pool === null ? undefined : this.#counted(hold.pool, hold.buyerId)
    if (counted && counted.units + hold.units > counted.limit) return 'over the limit'
    this.#free -= hold.units
    this.#sold += hold.units
    this.#count(hold.pool, hold.buyerId, hold.units, counted?.limit ?? 0)
    if (hold.pool !== null) this.#takeBack(hold.buyerId, -hold.units)
    this.#move({ ...hold, state: 'sold' })
    return 'sold'
  }

  /** Units counted for a buyer by PostgreSQL and by this batch; undefined when neither knows of any. */
  #counted(pool: string, buyerId: string): Counted | undefined {
    const key = poolKey(pool, buyerId)
    const known = this.#evidence.units.get(key)
    const here = this.#buyerUnits.get(key)
    if (!known && !here) return undefined
    return {
      units: (known?.units ?? 0) + (here?.delta ?? 0),
      limit: Math.max(known?.limit ?? 0, here?.limit ?? 0),
    }
  }

  #restock(units: number, short: boolean): string {
    if (short || this.#free + units < 0) return 'not enough free units'
    if (this.#onHand + units > onHandMax) return 'too many units'
    this.#onHand += units
    this.#free += units
    return 'restocked'
  }

  #hold(checkoutId: string): Hold | undefined {
    const moved = this.#moved.get(checkoutId)
    if (moved) return moved
    const reserve = this.#reserved.get(checkoutId)
    if (!reserve) return this.#evidence.holds.get(checkoutId)
    const { buyerId, units, terms } = reserve
    return { checkoutId, buyerId, units, pool: terms.pool, state: 'held' }
  }

  #move(hold: Hold): void {
    this.#moved.set(hold.checkoutId, hold)
  }

  #count(pool: string | null, buyerId: string, units: number, limit: number): void {
    if (pool === null) return
    const key = poolKey(pool, buyerId)
    const before = this.#buyerUnits.get(key)
    this.#buyerUnits.set(key, {
      pool,
      buyerId,
      limit: Math.max(limit, before?.limit ?? 0),
      delta: (before?.delta ?? 0) + units,
    })
  }

  #takeBack(buyerId: string, units: number): void {
    this.#shadow.set(buyerId, (this.#shadow.get(buyerId) ?? 0) + units)
  }
}
