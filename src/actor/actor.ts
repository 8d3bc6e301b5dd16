/**
 * What the runtime asks of the thing it runs. The runtime owns partitions, serialises their passes
 * on one session and moves them between workers; it knows no word of the shop.
 */

/** What a pass found, for the lane: how soon the next one follows depends on it. */
export interface Found {
  readonly anything: boolean
  /**
   * Commands that came on their own, so that more may follow; not those that were sent all at once.
   */
  readonly arrivals: number
  /** Whether what some of them belong to waits for other partitions too. */
  readonly parts: boolean
}

/**
 * The single writer of a partition, for as long as its session lives. Its lane calls it, never
 * twice at once. It rejects with {@link Fenced} when another owner has moved on; with anything
 * else, it is tried again.
 */
export interface PartitionActor {
  /**
   * Reads what waits, decides, commits. After {@link Fenced} or {@link BeyondThisWorker}, here and
   * in `tend`, the actor is not used any more.
   */
  pass(): Promise<Found>
  /**
   * Looks after what a pass does not: called when a {@link Lookout} found something amiss, and a
   * second after a pass or a tending failed.
   */
  tend(): Promise<void>
}

/** What a look found, as numbers of partitions. One may be in both. */
export interface Noticed {
  /** Something waits there for a pass. */
  readonly waiting: readonly number[]
  /** Something there is not as its actor left it, or was left lying. */
  readonly amiss: readonly number[]
}

/**
 * Finds what must not wait for ever although nobody wakes an actor. It is asked once a second, for
 * all partitions of a worker at once, so that an idle worker costs next to nothing.
 */
export interface Lookout {
  /** Rejects when a store is away: then nothing is known. */
  look(partitions: readonly number[]): Promise<Noticed>
}

/** Makes actors, for sessions whose store is a `Store`. */
export interface ActorFactory<Store> {
  /**
   * Called by a lane with the partition's lock held by the session of `store`: settles what a
   * predecessor left, or rebuilds. When it rejects, the lock is given back, and a later survey
   * tries again; after {@link BeyondThisWorker} other workers have their turn first.
   */
  takeOver(partition: number, store: Store): Promise<PartitionActor>
}

/**
 * Thrown by actors and stores to lanes, when somebody else has moved on and this owner's memory is
 * not the truth any more. The lane gives that partition back.
 */
export class Fenced extends Error {
  override name = 'Fenced'
}

/**
 * Thrown by actors to lanes: only a worker of a newer release can run the partition. The lane gives
 * it back, and the {@link Ownership} of this worker leaves it to others for 0.5 to 30 s.
 */
export class BeyondThisWorker extends Error {
  override name = 'BeyondThisWorker'
}
