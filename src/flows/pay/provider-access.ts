import type { Clock } from '../../kernel/clock.ts'
import type { PaymentGateway } from '../../payments/gateway.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'

/** What watching over the key needs, of one process. */
export interface ProviderAccessDeps {
  readonly gateway: Pick<PaymentGateway, 'checkAccess'>
  readonly clock: Clock
  readonly log: Logger
}

/** While the provider refuses the key, it is asked again after so long; longer each time. */
const firstPauseMs = 2_000
const longestPauseMs = 30_000

/**
 * Whether the provider takes this shop's key, as the last answers tell; one for each process. A key that
 * is refused costs nobody a hold: payments wait, readiness turns red, and an operator mends it.
 */
export class ProviderAccess {
  readonly #deps: ProviderAccessDeps
  #refused: string | null = null
  #pauseMs = firstPauseMs
  #nextAt = Number.NEGATIVE_INFINITY
  #stopWaiting: (() => void) | undefined
  #stopped = false

  constructor(deps: ProviderAccessDeps) {
    this.#deps = deps
  }

  /** In the provider's words; null while it takes the key. For readiness and operators. */
  get refused(): string | null {
    return this.#refused
  }

  /** Milliseconds until the provider is asked again whether it takes the key; 0 while it does. */
  get pauseMs(): number {
    return this.#refused === null ? 0 : Math.max(1, this.#nextAt - this.#deps.clock.monotonic())
  }

  /**
   * Asks the provider whether it takes the key, when a process starts and as long as it is refused.
   * Without an answer, what was known stands. Never rejects.
   */
  async check(): Promise<void> {
    const answer = await this.#deps.gateway.checkAccess()
    if (answer === null) return this.granted()
    if (answer.why === 'barred') return this.barred(answer.message)
    if (this.#refused !== null) this.#askLater()
  }

  /** The provider has refused the key, or what it may do. */
  barred(why: string): void {
    if (this.#refused === null) {
      this.#deps.log.error(
        { reason: why },
        'the payment provider refuses our key: payments wait, and their holds are kept; check STRIPE_SECRET_KEY',
      )
    }
    this.#refused = why
    this.#askLater()
  }

  /** The provider has answered as one that knows us. */
  granted(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
    this.#pauseMs = firstPauseMs
    if (this.#refused === null) return
    this.#refused = null
    this.#deps.log.info('the payment provider takes our key again; payments go on')
  }

  /** Asks nothing more. */
  stop(): void {
    this.#stopped = true
    this.#stopWaiting?.()
  }

  #askLater(): void {
    if (this.#stopWaiting || this.#stopped) return
    const { clock } = this.#deps
    this.#nextAt = clock.monotonic() + this.#pauseMs
    this.#stopWaiting = clock.after(this.#pauseMs, () => {
      this.#stopWaiting = undefined
      void this.check()
    })
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2)
  }
}
