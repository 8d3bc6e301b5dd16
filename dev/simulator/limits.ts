/** Every bound of the simulator, with its unit last. */
export const limits = {
  /** PaymentIntents, and as many charges, refunds and events each; the oldest are forgotten beyond it. */
  objects: 500_000,
  /** Idempotency keys; the oldest are forgotten beyond it, even before their time. */
  keys: 500_000,
  keyLength: 255,
  keyLifeMs: 24 * 3_600_000,
  bodyBytes: 64 * 1024,
  metadataKeys: 50,
  metadataKeyLength: 40,
  metadataValueLength: 500,
  textLength: 1_000,
  /** Attempts to charge one PaymentIntent. */
  chargesOfOne: 50,
  /** Refunds of one charge. */
  refundsOfOne: 200,
  /** Disputes of one charge. */
  disputesOfOne: 10,
  /** Time to answer a dispute. */
  disputeDays: 9,
  pageSize: 100,
  /** Clauses of one search query. */
  searchClauses: 10,
  searchDelayMs: 3_600_000,
  /** Time until a delayed refund or bank debit settles by itself. */
  settleMs: 1_000,
  /** The same for a payment method that takes longer. */
  settleLateMs: 180_000,
  webhookQueue: 200_000,
  webhookConnections: 16,
  webhookAttempts: 20,
  /** After an attempt that found nobody there, nothing is sent to anybody for so long. */
  webhookPauseMs: 100,
  webhookTimeoutMs: 10_000,
  webhookBackoffBaseMs: 250,
  webhookBackoffMaxMs: 30_000,
  /** A request that an outage of mode `hang` swallows is cut after this. */
  hangMs: 60_000,
  latencyMs: 120_000,
  /** The slowest bank. */
  bankMs: 30_000,
  /** The journal is rewritten when it is larger than this and twice what it was after the last time. */
  journalBytes: 256 * 1024 * 1024,
  journalLineBytes: 1024 * 1024,
  connections: 10_000,
  keepAliveMs: 65_000,
  /** Breaches and duplicates that a report names. */
  reportedIds: 100,
  /** Seconds with requests that the request log remembers. */
  loggedSeconds: 3_600,
  deliverWaitMs: 30_000,
  stopMs: 2_000,
} as const
