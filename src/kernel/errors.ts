/**
 * Every problem code of the HTTP contract, with its status and title. The codes are public: they are
 * never renamed. `detail` is written where the problem is raised.
 */
export const problems = {
  validation_failed: { status: 400, title: 'The request is not valid' },
  idempotency_key_missing: { status: 400, title: 'The Idempotency-Key header is missing' },
  invalid_signature: { status: 400, title: 'The signature is not valid' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  card_declined: { status: 402, title: 'The card was declined' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'This path does not accept the method' },
  not_acceptable: { status: 406, title: 'No answer in an accepted form' },
  sold_out: { status: 409, title: 'Sold out' },
  purchase_limit: { status: 409, title: 'The purchase limit is reached' },
  sale_not_open: { status: 409, title: 'The sale is not open' },
  sale_ended: { status: 409, title: 'The sale has ended' },
  mixed_currency: { status: 409, title: 'A checkout has one currency only' },
  invalid_transition: { status: 409, title: 'This is not possible in the present state' },
  email_taken: { status: 409, title: 'The email address is taken' },
  sku_taken: { status: 409, title: 'The SKU is taken' },
  hold_expired: { status: 410, title: 'The hold has expired' },
  stale_version: { status: 412, title: 'The version is out of date' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
  },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The server failed' },
  overloaded: { status: 503, title: 'The service is overloaded or a store is away' },
  payment_unavailable: { status: 503, title: 'The payment provider cannot be reached' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** One input error: `path` in dot notation (`items.0.quantity`). */
export interface InputError {
  readonly path: string
  readonly message: string
}

export interface ProblemExtras {
  /** Seconds after which a retry makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly errors?: readonly InputError[]
  /** Further members of the problem document, such as `sku` or `limit`. */
  readonly members?: Readonly<
    Record<string, string | number | boolean | Readonly<Record<string, string>>>
  >
  readonly cause?: unknown
}

/** A failure with a public code: the edges turn it into `application/problem+json`. */
export class AppError extends Error {
  override name = 'AppError'
  readonly code: ProblemCode
  readonly extras: ProblemExtras

  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause })
    this.code = code
    this.extras = extras
  }

  get status(): number {
    return problems[this.code].status
  }
}
