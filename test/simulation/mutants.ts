/** Rules of the stores that can be broken on purpose, so that the judge is seen to notice. All of them are off as a rule. */
export interface Mutants {
  /** The ledger writes a batch without comparing generation and cursor. */
  readonly noFence?: boolean
  /** A settle adds what seems to be missing, whatever was settled before. */
  readonly settleAdds?: boolean
  /** A gate admits, and is believed, whatever run of the store it was built on. */
  readonly runIdsUncompared?: boolean
  /** A release that comes before its reserve leaves nothing. */
  readonly noTombstones?: boolean
  /** The gate looks up an Idempotency-Key among those of today only. */
  readonly yesterdayForgotten?: boolean
  /** A settle takes nothing back from what the gate counts for its buyers. */
  readonly countsKept?: boolean
  /** Nobody is told that entries of a mailbox are missing. */
  readonly gapsUnseen?: boolean
  /** A command that takes free units does not take them at the gate. */
  readonly commandsTakeNothing?: boolean
  /** The ledger lets two checkouts have one buyer's key. */
  readonly keysShared?: boolean
  /** The ledger neither checks nor tells what counts against a limit. */
  readonly limitsUnchecked?: boolean
  /** The ledger says that every command it is asked about is open. */
  readonly commandsReopened?: boolean
  /** A reader finds the mailboxes of a closed partition empty. */
  readonly closedMailboxesEmpty?: boolean
}
