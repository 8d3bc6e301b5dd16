/**
 * What the runtime needs from outside. PostgreSQL's side of it is in `pg-sessions.ts` and
 * `pg-owner-registry.ts`; whoever passes the same contract suite may take their place.
 */

/** Seconds: an owner that has not stamped for so long is put down, and a worker counts as gone. */
export const silentSeconds = 2

/**
 * A connection on which one lane locks its partitions and commits. Locks end with the session: a
 * lane that has lost it owns nothing, and what it sends afterwards changes nothing.
 */
export interface Session<Store> {
  /** What actors read and write; on this very session, so that it ends with the locks. */
  readonly store: Store
  /** True from the moment the session is known to have ended, for whatever reason. */
  readonly lost: boolean
  /**
   * Takes the locks of those `partitions` that no other session has, and stamps this session as
   * their owner, in one round trip; resolves with them, in any order. The caller has none of them
   * yet. When it rejects, some may be locked, unless the session is lost.
   */
  tryLock(partitions: readonly number[]): Promise<readonly number[]>
  /**
   * Takes the stamp away and gives the lock back; does nothing when it has none. Rejects when the
   * session is lost; then it has no lock any more.
   */
  unlock(partition: number): Promise<void>
  /** Ends the session and with it all of its locks. Never rejects. */
  close(): Promise<void>
}

/** Opens the sessions of one worker, for its lanes. */
export interface Sessions<Store> {
  /**
   * Rejects when the other side is away. `onLost` is called once when the session ends by itself.
   */
  open(onLost: () => void): Promise<Session<Store>>
}

/** What the register knows of a partition's owner. */
export interface PartitionSeen {
  readonly partition: number
  /** Whether some session holds its lock. */
  readonly locked: boolean
  /** Whether its last stamp is older than {@link silentSeconds}, or there was none. */
  readonly silent: boolean
  /** The session that has stamped it last; null when it was given back. */
  readonly session: number | null
}

/** Who lives and who owns what, at one moment: what a worker claims and gives back by. */
export interface Survey {
  /** How many workers have stamped within {@link silentSeconds}, this one always included. */
  readonly liveWorkers: number
  /** Every partition, by its number. */
  readonly partitions: readonly PartitionSeen[]
}

/**
 * Where the workers say that they live, and see who else does. Its clock is the one that judges
 * silence. Every call rejects when the other side is away.
 */
export interface OwnerRegistry {
  /** Stamps the worker, and those of `partitions` that were stamped as its own. */
  stamp(partitions: readonly number[]): Promise<void>
  survey(): Promise<Survey>
  /**
   * Ends the session that owns the partition, if it is still `session` and still silent: its locks
   * are free then.
   */
  putDown(partition: number, session: number): Promise<void>
  /** The worker counts as gone from here on. When it was seen last stays on record for a minute. */
  signOff(): Promise<void>
}
