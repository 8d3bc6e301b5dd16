/** The port of the lookout: what both stores have of all partitions of a worker, seen at once. */

/** What the ledger says of a partition, for a comparison with its gates. */
export interface LedgerSeen {
  readonly partition: number
  readonly generation: number
  /** The run of the gate store that this generation was built on; null: build it anew. */
  readonly runId: string | null
  /** Whether a command was written more than a second ago and is still open. */
  readonly overdue: boolean
}

/** What the gates' store has of many partitions at one moment. */
export interface GatesSeen {
  /** SKUs whose mailbox is not empty, or whose gate somebody asked for. */
  readonly skus: readonly string[]
  /** Whether the partition's state is what the ledger says, as far as this look can tell. */
  readonly agrees: (ledger: LedgerSeen) => boolean
}

/** One look at all partitions of a worker: one round trip to each store, however many partitions there are. */
export interface Survey {
  gates(partitions: readonly number[]): Promise<GatesSeen>
  /** One answer for each partition that exists. */
  ledger(partitions: readonly number[]): Promise<readonly LedgerSeen[]>
}
