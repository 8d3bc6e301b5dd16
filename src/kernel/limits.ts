/** Every limit that more than one part has to know, with its unit last. */
export const limits = {
  /** Lines of one checkout, as sent; equal SKUs are merged afterwards. */
  checkoutLines: 50,
  /** Units of one line. */
  lineUnits: 10_000,
  /** Refunds of one order: as many as the provider lists at once, those begun there included. */
  orderRefunds: 50,
  /** Characters of an Idempotency-Key. */
  idempotencyKeyLength: 255,
  /** Variants of one product, archived ones too. */
  productVariants: 100,
  /** Units that a variant may have from the start. */
  stockUnits: 10_000_000,
  /** Bytes of a request body. */
  bodyBytes: 64 * 1024,
  /** `Prefer: wait=N` is capped here. */
  waitSeconds: 30,
  /** Units of one SKU that may be granted and not yet committed; then the gate answers `full`. */
  mailboxUnits: 250_000,
  /** An assembly over several SKUs that is not decided by then is rejected. */
  assemblySeconds: 10,
} as const
