import type { DatabasePool } from 'slonik'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/random.ts'
import type { DeclineBrake } from '../../payments/decline-brake.ts'
import type { PaymentGateway } from '../../payments/gateway.ts'
import type { Patience } from '../../payments/patience.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import type { Leases } from './leases.ts'
import type { MoneyStore } from './money/store.ts'
import type { ProviderAccess } from './provider-access.ts'

/** What everything that moves money is built from. */
export interface MoneyDeps {
  readonly store: MoneyStore
  readonly pool: DatabasePool
  readonly gateway: PaymentGateway
  readonly strategy: Pick<ReservationStrategy, 'post'>
  readonly leases: Leases
  /** Whether the provider takes this shop's key. */
  readonly access: ProviderAccess
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Declines until a checkout has failed. */
  readonly declinesMax: number
  /** Whether an unreachable provider ends a checkout at once, or leaves it to its deadline. */
  readonly outage: 'release' | 'keep'
  /** Counts declined cards. Default: nobody does. */
  readonly brake?: DeclineBrake
  /** Default: that of the call at hand. */
  readonly patience?: Patience
  /** Whether the first call of a drive was taken from the budget of calls. Default: yes. */
  readonly counted?: boolean
}
