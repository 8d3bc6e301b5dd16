/**
 * What the stock protocol needs from outside: gates and mailboxes (Redis in production), the ledger (PostgreSQL in
 * production), and short messages between processes. Gate, owner and direct use these interfaces and nothing else, so
 * that the whole protocol also runs in memory, on one thread, under a virtual clock.
 *
 * Three rules hold for every verb:
 * - It is one atomic step of its store. No caller ever sees half of it.
 * - A rejection with an error that is not named here means that the outcome is unknown. The caller forgets what it
 *   believed and reads again.
 * - Units are whole numbers of one SKU. Times are milliseconds since the epoch. A generation is 1 or more; 0 means
 *   that nothing was ever built.
 */
import type { Decision, Evidence, SkuState } from './decide/state.ts'
import type { Command, Delivered, Entry, StockCommand } from './protocol/messages.ts'
import type { Offer } from './protocol/offers.ts'

// Gates --------------------------------------------------------------------------------------------------------------

/** One request for units of a SKU, as the API makes it. */
export interface GateRequest {
  readonly sku: string
  readonly buyerId: string
  /** 1 or more. */
  readonly units: number
  /** The Idempotency-Key. Null for a part of a checkout over several SKUs, which brings its id. */
  readonly key: string | null
  /** What the same key must carry again. Holds no space; empty for a part. */
  readonly fingerprint: string
  readonly checkoutId?: string
  /** How many parts its checkout has. */
  readonly parts?: number
}

/** A request in a batch. The gate's queue hands its own elements over: nothing is copied on the fast path. */
export interface GateAsk {
  readonly request: GateRequest
  /** `requestField(buyerId, key)`, or '' for a part, which the gate does not look up. */
  readonly field: string
}

/** A batch of requests for one SKU. */
export interface AdmitCall {
  readonly sku: string
  readonly partition: number
  /** The generation that the ids were minted for. */
  readonly generation: number
  /** Units granted and not yet committed, at most; beyond it the answer is `full`. */
  readonly waitingMax: number
}

/** The gate's answer to one request of a batch. Refusals are checked in this order: the first one that fits. */
export type Admission =
  | { readonly tag: 'granted'; readonly unitsLeft: number }
  /** The key was granted before, today or yesterday, or earlier in this batch. */
  | { readonly tag: 'repeated'; readonly checkoutId: string; readonly fingerprint: string }
  | { readonly tag: 'not_open'; readonly startsAtMs: number }
  | { readonly tag: 'ended' }
  /** One payment can take so many units, and not those asked for; 0: nobody can pay for one. */
  | { readonly tag: 'unpayable'; readonly payable: number }
  | { readonly tag: 'over_limit'; readonly limit: number }
  | { readonly tag: 'sold_out'; readonly unitsLeft: number }
  | { readonly tag: 'full' }

/** The gate's answer to a batch. */
export type AdmitReply =
  | {
      readonly tag: 'admitted'
      readonly generation: number
      readonly unitsLeft: number
      /** Rises whenever units fall free; what a local refusal is bound to. */
      readonly version: number
      /** One for each request, in their order. */
      readonly admissions: readonly Admission[]
    }
  /** The partition is being rebuilt, or its state was built on another run of the store. Nothing was changed. */
  | { readonly tag: 'closed' }
  /** The SKU has no gate in this generation. Nothing was changed. */
  | { readonly tag: 'missing' }
  /** The ids were minted for another generation than the present one. Nothing was changed. */
  | { readonly tag: 'stale'; readonly generation: number }

/** What became of posted commands. */
export type PostReply =
  /** `entry` is `<generation>-<seq>`. */
  | { readonly tag: 'posted'; readonly entry: string }
  /** The gate has fewer units than the commands take: nothing was appended. */
  | { readonly tag: 'short'; readonly unitsLeft: number }
  | { readonly tag: 'closed' }
  | { readonly tag: 'missing' }

/** What a settle found. `units` are those of the gate from now on. */
export type SettleReply =
  | { readonly tag: 'settled'; readonly entriesLeft: number; readonly units: number }
  /** The mailbox misses entries that were appended, or the gate has appended fewer than are committed. */
  | { readonly tag: 'gap'; readonly entriesLeft: number; readonly units: number }
  /** The gate is missing or of another generation: nothing was changed. */
  | { readonly tag: 'stale' }

/** What the store has of a partition. */
export interface PartitionState {
  /** The store's own run: it changes whenever the store may have lost or gone back behind a write. */
  readonly runId: string
  /** 0 when there is no state. */
  readonly generation: number
  readonly open: boolean
  /** Whether it was built on this run. */
  readonly sameServer: boolean
}

/** Who may hold units of a SKU that is sold out. */
export interface Holders {
  /** The gate's version as of this answer. */
  readonly version: number
  /** Units per buyer; infinite without a limit. */
  readonly limit: number
  /** False only for a buyer who holds none. */
  mayHold(buyerId: string): boolean
}

/** Units that count against a buyer's limit. */
export interface BuyerCount {
  readonly buyerId: string
  readonly units: number
}

/** A ledger row, with what its last commit has the gate take back. */
export interface LedgerRow {
  readonly state: SkuState
  /** Buyer → units that the gate may still have to take back at this cursor. */
  readonly shadow: ReadonlyMap<string, number>
}

/** A rebuild in the making: what is loaded for it touches nothing that a live gate reads. */
export interface Loading {
  readonly partition: number
  readonly generation: number
  /** The SKUs whose gates will be installed. */
  readonly states: readonly SkuState[]
}

/** Gates and partitions. The API asks the first six verbs, the owner the others. */
export interface GateStore {
  /**
   * Judges a batch in its order and takes the units of those that are granted. The granted ones become one mailbox
   * entry, in the same step; its first entry after a pause publishes a wake. `ids[i]` is the checkout of `asks[i]`.
   */
  admit(call: AdmitCall, asks: readonly GateAsk[], ids: readonly string[]): Promise<AdmitReply>
  /**
   * Appends commands of one SKU as one entry, and takes `take` free units (0 or more) for them in the same step.
   * Posting twice appends twice; the owner applies a command once.
   */
  post(sku: string, take: number, commands: readonly Command[]): Promise<PostReply>
  /** Asks the owner to build the gate of a SKU that exists in the ledger, and publishes a wake. */
  want(sku: string): Promise<void>
  /** Changes what a gate sells for. `other_pool`: it has counted buyers for another limit group; nothing was changed. */
  setTerms(offer: Offer): Promise<'set' | 'missing' | 'other_pool'>
  /** Who may hold units, and the gate's version, not older than they are; null when there is no gate. */
  holders(sku: string): Promise<Holders | null>
  /** Units that would be granted now, 0 or more; null when the gate is missing or its partition is not open. */
  available(sku: string): Promise<number | null>

  /** What the store has of a partition. Changes nothing. */
  look(partition: number): Promise<PartitionState>
  /** Closes this generation and all before it for good; a newer one stays as it is. Tells what the partition is now. */
  close(partition: number, generation: number): Promise<PartitionState>
  /** Forgets what an earlier try loaded for this generation. */
  beginLoading(loading: Loading): Promise<void>
  /** Adds buyers' counts to what a gate of this generation will be installed with. */
  loadBuyers(sku: string, generation: number, counts: readonly BuyerCount[]): Promise<void>
  /**
   * Adds requests to what the partition will know by their keys, and their buyers to the holders of their SKUs. Those
   * of a SKU that is not in `loading.states` are left out.
   */
  loadRequests(loading: Loading, requests: readonly RecentRequest[]): Promise<void>
  /**
   * Builds a gate from its ledger row and what was loaded for it: units are those free, the mailbox is empty. Resolves
   * false, with nothing changed, when there is a gate of this generation or a newer one.
   */
  install(state: SkuState, offer: Offer, version: number): Promise<boolean>
  /**
   * The last step of a rebuild: puts the loaded requests in place and admits. Resolves false, with nothing changed, when a
   * newer generation is there, this one was closed already, or the store runs under another id.
   */
  open(partition: number, generation: number, runId: string): Promise<boolean>
  /**
   * After a commit: sets the gate's units to `free − (granted at the gate − granted in the row)`, takes the shadow
   * back from buyers' counts, and trims the mailbox up to the cursor. Only a cursor above the last settled one changes
   * units and counts, so it may run twice or late. Units that fall free at an empty gate raise and publish its version.
   */
  settle(row: LedgerRow): Promise<SettleReply>
}

// Mailboxes ----------------------------------------------------------------------------------------------------------

/** Where a reader stands in a SKU's mailbox. */
export type Place = Pick<SkuState, 'sku' | 'generation' | 'cursor'>

/** SKUs of a partition whose mailbox is not empty, and those whose gate somebody asked for. */
export interface Waiting {
  readonly ready: readonly string[]
  readonly wanted: readonly string[]
}

/** The owner's side of the mailboxes of a partition. */
export interface Mailbox {
  waiting(partition: number): Promise<Waiting>
  /**
   * Entries after each place, `max` of each at most, all in one round trip; one list for each place, in their
   * order. Says nothing about holes: the caller compares the numbers. An entry of a version that this release does not
   * read comes unread, and what follows it comes too.
   */
  read(partition: number, places: readonly Place[], max: number): Promise<Delivered[][]>
  /** Takes SKUs out of the ready set, or out of the wanted set. */
  forgetReady(partition: number, skus: readonly string[]): Promise<void>
  forgetWanted(partition: number, skus: readonly string[]): Promise<void>
  /** Whether the SKU has a gate of this generation. */
  hasGate(sku: string, generation: number): Promise<boolean>
}

// Messages between processes -----------------------------------------------------------------------------------------

/** Hears of mailboxes that have something. */
export interface WakeListener {
  /** A mailbox of the partition has something; `sku` is empty for "look yourself". */
  wake(partition: number, sku: string): void
  /** Messages may have been missed until now: look at every partition. Called once when messages begin to come. */
  missed(): void
}

/** Hears of units that fell free. */
export interface FreedListener {
  /** Units of a SKU fell free, and its gate has this version since. */
  freed(sku: string, version: number): void
  /** Whether messages come. While it is false, some are missed. False until the first call. */
  live(live: boolean): void
}

/**
 * Short messages, delivered at most once. They only hurry things: nothing is lost without them. The stores publish
 * wakes and freed units by themselves. What the `on…` verbs return ends the subscription.
 */
export interface Wakes {
  onWake(listener: WakeListener): () => void
  onFreed(listener: FreedListener): () => void
  /** Tells what became of checkouts of a partition. Never throws; a failure is forgotten. */
  publishResults(partition: number, words: string): void
  /** Hears the results of those partitions that are listened to. */
  onResults(hear: (words: string) => void): () => void
  /** Resolves when results of the partition are heard. */
  listenToResults(partition: number): Promise<void>
  leaveResults(partition: number): void
}

// The ledger ---------------------------------------------------------------------------------------------------------

/**
 * Thrown by ledgers to owners and direct commands: the content of a batch is refused. Rows
 * contradict each other, or a value does not fit. Nothing was committed; the same batch is refused
 * again until somebody mends a row.
 */
export class RefusedWork extends Error {
  override name = 'RefusedWork'
}

/**
 * Thrown by ledgers to the commit of a pass: a batch met a row that it did not expect. An id, or a
 * buyer's key, is taken, or a count would pass its limit. Nothing was committed; with evidence it
 * may be decided differently.
 */
export class Contested extends RefusedWork {
  override name = 'Contested'
}

/** A partition as the ledger knows it. */
export interface LedgerPartition {
  readonly generation: number
  /** The run of the gate store that the present generation was built on; null: build it anew. */
  readonly runId: string | null
}

/** A checkout of the last day, once for each SKU that it has a hold on, or once without a SKU. */
export interface RecentRequest {
  readonly checkoutId: string
  readonly buyerId: string
  /** Null once it is free again, and for what never had one. */
  readonly key: string | null
  readonly fingerprint: string
  readonly sku: string | null
}

/**
 * The owner's side of the ledger, over one session that holds its partitions' locks. Every verb rejects with an error
 * of the store when the session is lost. `Fenced` (src/actor) means that a row has moved since it was read: nothing was
 * changed, and this owner's memory is not the truth any more.
 */
export interface LedgerStore {
  /** The rows of those SKUs that exist, in any order. */
  rows(skus: readonly string[]): Promise<LedgerRow[]>
  /** Every row of the partition whose gate was built in this generation, which is 1 or more. */
  openedRows(partition: number, generation: number): Promise<LedgerRow[]>
  partition(partition: number): Promise<LedgerPartition>
  /**
   * Moves the partition, and its rows that were opened in the generation `from`, to generation `to` with cursor 0 and
   * without a shadow. @throws Fenced when the partition is not in generation `from`.
   */
  nextGeneration(partition: number, from: number, to: number, runId: string): Promise<void>
  /**
   * Moves rows of an older generation to this one, with cursor 0 and without a shadow.
   * @throws Fenced when one of them has moved already; the others may have been moved.
   */
  openGates(partition: number, skus: readonly string[], generation: number): Promise<void>
  /**
   * What the ledger knows that may contradict the entries of a SKU. With `contested` false only commands are looked
   * up: reserves are assumed to be new. @throws RefusedWork when the entries name what cannot exist.
   */
  evidence(sku: string, entries: readonly Entry[], contested: boolean): Promise<Evidence>
  /**
   * Writes the decisions of one pass, all or none, in one round trip. Each SKU is decided once. Resolves with the
   * deadline of the new holds: `holdSeconds` from now by the store's clock.
   * @throws Fenced when a row is not at the generation and cursor that its decision starts from; Contested when a
   * constraint contradicts it; RefusedWork when it can never be written.
   */
  commit(decisions: readonly Decision[], holdSeconds: number): Promise<Date>
  /** Buyers with units in a limit group, by id, after `after` ('' begins), at most `max`. */
  buyersOf(pool: string, after: string, max: number): Promise<BuyerCount[]>
  /**
   * Checkouts of a partition by id, after the id `after`, `max` checkouts at most. Those over several SKUs appear
   * once for each hold.
   */
  recentRequests(partition: number, after: string, max: number): Promise<RecentRequest[]>
  /**
   * Commands that were written a second ago or earlier and are still open, the oldest first, without those of the SKUs
   * of `except`, at most `max`.
   */
  openCommands(partition: number, except: readonly string[], max: number): Promise<StockCommand[]>
  /** Commands of all partitions that are open, the oldest first. For use while no owner runs. */
  allOpenCommands(max: number): Promise<StockCommand[]>
  /** Makes every partition's next owner build its gates anew: units are about to move without them. */
  distrustGates(): Promise<void>
}

/** A session of the ledger outside of the actor runtime. */
export interface LedgerSession {
  readonly store: LedgerStore
  /** True from the moment the session is known to have ended. */
  readonly lost: boolean
  /** Never rejects. */
  close(): Promise<void>
}
