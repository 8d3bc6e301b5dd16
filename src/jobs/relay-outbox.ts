import type { DatabasePool } from 'slonik'
import { claimDueEvents } from '../platform/outbox.ts'
import { handleEvents, type Topics } from '../platform/outbox-handlers.ts'
import type { Relayed } from '../platform/queue/relay.ts'
import type { Logger } from '../platform/telemetry/logger.ts'

interface RelayDeps {
  readonly pool: DatabasePool
  readonly topics: Topics
  readonly log: Logger
}

/** Facts to whoever has to act on them. */
export function relayOutbox(deps: RelayDeps): Relayed<number> {
  return {
    name: 'outbox',
    batch: 200,
    // Behind a crowd: what comes meanwhile shares the work of a batch.
    pauseMs: 200,
    concurrency: 2,
    claim: (limit) => claimDueEvents(deps.pool, 'facts', limit),
    handle: (ids) => handleEvents(deps, ids),
  }
}

/** What the provider is asked to cancel, in a queue of its own: it may be away, and facts need it not. */
export function relayCancels(deps: RelayDeps): Relayed<number> {
  return {
    name: 'cancels',
    // With the provider away each takes 5 s, four at once: done, and the next job too, before they are due again.
    batch: 12,
    waitingMax: 1,
    concurrency: 1,
    claim: (limit) => claimDueEvents(deps.pool, 'cancels', limit),
    handle: (ids) => handleEvents(deps, ids),
  }
}

/**
 * Mails have a queue of their own: a slow mail server holds up nothing else. At most some 75 a second go
 * out, so that the mails of a flash sale leave the machine to those who still pay.
 */
export function relayMail(deps: RelayDeps): Relayed<number> {
  return {
    name: 'mail',
    batch: 20,
    pauseMs: 250,
    concurrency: 1,
    claim: (limit) => claimDueEvents(deps.pool, 'mails', limit),
    handle: (ids) => handleEvents(deps, ids),
  }
}
