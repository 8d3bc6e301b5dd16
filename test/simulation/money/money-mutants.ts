/** Rules of money that can be broken on purpose, so that the judge is seen to notice. All of them are off as a rule. */
export interface MoneyMutants {
  /** The sweep ends holds whose payments wait or are driven. */
  readonly sweepIgnoresLeases?: boolean
  /** The reconciler takes attempts that somebody drives. */
  readonly leasedTaken?: boolean
  /** A success pays the order, whichever intent it is about. */
  readonly anyIntentCaptured?: boolean
  /** An attempt begins while another one is open. */
  readonly beginsTwice?: boolean
  /** Units that are taken again for late money count as taken, whatever their owner says. */
  readonly reclaimsTrusted?: boolean
  /** A checkout that has ended is closed without taking the key of an attempt that names no intent. */
  readonly keysUnburnt?: boolean
  /** An answer that the provider is busy, or bars the key, counts as no answer. */
  readonly busyIsAway?: boolean
  /** A failure that is stored under a key is left behind without a look at what was done. */
  readonly looksAreBlind?: boolean
  /** Every attempt of a checkout uses the key of the first. */
  readonly oneKeyForAll?: boolean
  /** An event about a decline is believed of whichever attempt is open. */
  readonly declinesBelieved?: boolean
  /** Leases are not renewed, however long a bank takes. */
  readonly leasesUnkept?: boolean
  /** Nobody asks about attempts that are left alone, or closes them; events about intents that nobody has noted are ignored. */
  readonly answersForgotten?: boolean
  /** Another card is charged on an intent of its own, and the one at its bank is left as it is. */
  readonly anotherIntent?: boolean
  /** A success is credited to the last card, whichever has paid. */
  readonly lastCardCredited?: boolean
  /** What somebody gives back at the provider is nobody's business, and nobody looks at what is left. */
  readonly othersIgnored?: boolean
  /** A refund that has succeeded stays so, whatever its bank does. */
  readonly failuresForgotten?: boolean
  /** A return takes the whole line back, whatever came back before. */
  readonly returnsWhole?: boolean
  /** A repeated refund uses a key of its own, and nobody looks whether it was done. */
  readonly refundsAskedAnew?: boolean
}
