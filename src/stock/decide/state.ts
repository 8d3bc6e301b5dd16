/** What a decision starts from, what it may be told, and what comes of it. Values only. */
import type { Reserve } from '../protocol/messages.ts'

/**
 * The ledger row in the memory of an owner. `onHand = free + setAside + held + sold`; all of them
 * are units.
 */
export interface SkuState {
  readonly sku: string
  readonly onHand: number
  readonly free: number
  readonly setAside: number
  readonly held: number
  readonly sold: number
  /** Units that the gate had granted, ever, at the cursor. */
  readonly granted: number
  readonly generation: number
  /** The last mailbox entry that is applied. */
  readonly cursor: number
}

/**
 * Where the units of a hold are. `void` is a tombstone: the checkout was released before its
 * reserve came.
 */
export type HoldState = 'held' | 'sold' | 'released' | 'returned' | 'void'

/** Units of one SKU that are set apart for one checkout. */
export interface Hold {
  readonly checkoutId: string
  /** Empty for a tombstone, whose buyer is not known. */
  readonly buyerId: string
  /** Less those that came back after they were paid for. */
  readonly units: number
  /** Whose limit the units count against; null: no limit. */
  readonly pool: string | null
  readonly state: HoldState
}

/**
 * What the ledger already knows that may contradict the batch. Empty on the fast path: a batch of
 * reserves is tried as if nothing contradicted it, and the store's refusal brings the evidence.
 */
export interface Evidence {
  /** Ids of checkouts that exist: tombstones of cancels that overtook their reserve. */
  readonly checkouts: ReadonlySet<string>
  /** {@link keyOf} → the checkout that has the key. */
  readonly keys: ReadonlyMap<string, string>
  /** {@link poolKey} → units counted against the limit. */
  readonly units: ReadonlyMap<string, Counted>
  /** Checkout id → its hold on this SKU. */
  readonly holds: ReadonlyMap<string, Hold>
  /** Ids of the batch's commands that are still open. */
  readonly openCommands: ReadonlySet<string>
}

/** What a buyer has of a limit group, and may have; both are units. */
export interface Counted {
  readonly units: number
  readonly limit: number
}

/** What the fast path of a commit is told: nothing contradicts the batch. */
export const noEvidence: Evidence = {
  checkouts: new Set(),
  keys: new Map(),
  units: new Map(),
  holds: new Map(),
  openCommands: new Set(),
}

/** Why a reserve that the gate granted is not kept. */
export type RejectReason = 'duplicate' | 'limit' | 'units' | 'cancelled'

/**
 * A reserve that is turned down: its checkout becomes `rejected`, and the gate gets its count back.
 */
export interface Rejected {
  readonly reserve: Reserve
  readonly reason: RejectReason
  /** The checkout that has the key, for a duplicate. */
  readonly duplicateOf: string | null
}

/** What a batch comes to; the ledger writes it as a whole or not at all. */
export interface Decision {
  readonly before: SkuState
  readonly after: SkuState
  readonly reserved: readonly Reserve[]
  readonly rejected: readonly Rejected[]
  /** Holds that existed before the batch and whose state changes, and tombstones (`void`). */
  readonly moved: readonly Hold[]
  /** Commands to close, with what became of them. */
  readonly closed: readonly { readonly id: string; readonly outcome: string }[]
  /** {@link poolKey} → change of the units counted against the limit. */
  readonly buyerUnits: ReadonlyMap<string, BuyerUnits>
  /**
   * Buyer → units to take back from the gate's count: granted there, not kept here. Negative: to
   * add.
   */
  readonly shadow: ReadonlyMap<string, number>
}

/** A change, `delta` units, of what counts against a buyer's limit of `limit` units. */
export interface BuyerUnits {
  readonly pool: string
  readonly buyerId: string
  readonly limit: number
  readonly delta: number
}

/**
 * For drafts, evidence and passes: names a buyer's Idempotency-Key in {@link Evidence}. Never
 * throws.
 */
export const keyOf = (buyerId: string, key: string): string => `${buyerId} ${key}`
/**
 * For drafts and evidence: names a buyer in a limit group, in {@link Evidence} and {@link
 * Decision}. Never throws.
 */
export const poolKey = (pool: string, buyerId: string): string => `${pool} ${buyerId}`
