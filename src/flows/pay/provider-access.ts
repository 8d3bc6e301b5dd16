import type { Clock } from '../../kernel/clock.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'

/** While the provider refuses the key, it is asked again after so long; longer each time. */
const firstPauseMs = 2_000
const longestPauseMs = 30_000

/**
 * Whether the provider takes this shop's key, as the last answers tell; one for each process. A key that
 * is refused costs nobody a hold: payments wait, readiness turns red, and an operator mends it.
 */
export class ProviderAccess {
  readonly #deps: { readonly clock: Clock; readonly log: Logger }
  #refused: { readonly why: string; readonly since: number } | null = null
  #pauseMs = firstPauseMs
  #tryAt = Number.NEGATIVE_INFINITY

  constructor(deps: { readonly clock: Clock; readonly log: Logger }) {
    this.#deps = deps
  }

  /** In the provider's words; null while it takes the key. For readiness and operators. */
  get refused(): string | null {
    return this.#refused?.why ?? null
  }

  /** Milliseconds until the provider should be asked again; 0: now. */
  get pauseMs(): number {
    return this.#refused ? Math.max(0, this.#tryAt - this.#deps.clock.monotonic()) : 0
  }

  /** The provider refused the key, or what it may do. */
  barred(why: string): void {
    const now = this.#deps.clock.monotonic()
    if (!this.#refused) {
      this.#refused = { why, since: now }
      this.#deps.log.error(
        { reason: why },
        'the payment provider refuses our key: payments wait, and their holds are kept; check STRIPE_SECRET_KEY',
      )
    }
    if (now < this.#tryAt) return
    this.#tryAt = now + this.#pauseMs
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2)
  }

  /** The provider has answered as one that knows us. */
  granted(): void {
    if (!this.#refused) return
    this.#refused = null
    this.#pauseMs = firstPauseMs
    this.#tryAt = Number.NEGATIVE_INFINITY
    this.#deps.log.info('the payment provider takes our key again; payments go on')
  }
}
