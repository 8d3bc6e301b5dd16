import type { DatabasePool } from 'slonik'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/random.ts'
import type { PaymentGateway } from '../../payments/gateway.ts'
import type { Patience } from '../../payments/patience.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'

/** What everything that moves money is built from. */
export interface MoneyDeps {
  readonly pool: DatabasePool
  readonly gateway: PaymentGateway
  readonly strategy: Pick<ReservationStrategy, 'post'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Declines until a checkout has failed. */
  readonly declinesMax: number
  /** Whether an unreachable provider ends a checkout at once, or leaves it to its deadline. */
  readonly outage: 'release' | 'keep'
  /** Default: that of a buyer who waits. */
  readonly patience?: Patience
}

/**
 * Attempts to pay for one checkout, at most; those that the provider refused to make are counted.
 * When the last one comes to nothing, the checkout fails and its units go back; a decline then says
 * that no attempts are left.
 */
export const attemptsMax = 20
