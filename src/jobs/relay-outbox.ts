import type { DatabasePool } from 'slonik'
import type { Random } from '../kernel/random.ts'
import { claimDueEvents, type OutboxQueue } from '../platform/outbox.ts'
import { handleEvents, type Topics } from '../platform/outbox-handlers.ts'
import type { Relayed } from '../platform/queue/relay.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { providerPace } from './provider-pace.ts'

interface RelayDeps {
  readonly pool: DatabasePool
  readonly topics: Topics
  readonly log: Logger
  readonly random: Random
}

function relay(
  deps: RelayDeps,
  queue: OutboxQueue,
  pace: Omit<Relayed<number>, 'claim' | 'handle'>,
): Relayed<number> {
  return {
    ...pace,
    claim: (limit) => claimDueEvents(deps.pool, queue, limit),
    handle: (ids) => handleEvents(deps, ids),
  }
}

/** Facts to whoever has to act on them. Behind a crowd: what comes meanwhile shares the work of a batch. */
export const relayOutbox = (deps: RelayDeps) =>
  relay(deps, 'facts', { name: 'outbox', batch: 200, pauseMs: 200, concurrency: 2 })

/** What the provider is asked to cancel, in a queue of its own: it may be away, and facts need it not. */
export const relayCancels = (deps: RelayDeps) =>
  relay(deps, 'cancels', { name: 'cancels', ...providerPace })

/**
 * Mails have a queue of their own: a slow mail server holds up nothing else. At most some 75 a second go
 * out, so that the mails of a flash sale leave the machine to those who still pay.
 */
export const relayMail = (deps: RelayDeps) =>
  relay(deps, 'mails', { name: 'mail', batch: 20, pauseMs: 250, concurrency: 1 })
