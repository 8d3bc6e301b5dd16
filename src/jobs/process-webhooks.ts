import {
  claimDueWebhooks,
  processWebhooks,
  type WebhookProcessing,
} from '../payments/webhook-events.ts'
import type { Relayed } from '../platform/queue/relay.ts'

/** Stored events that tell all there is to know, to their effects. */
export function relayWebhooks(deps: WebhookProcessing): Relayed<string> {
  return {
    name: 'webhooks',
    batch: 200,
    // Most tell what is known: in a crowd they wait a moment and are closed together.
    pauseMs: 200,
    concurrency: 1,
    claim: (limit) => claimDueWebhooks(deps.pool, 'facts', limit),
    handle: (ids) => processWebhooks(deps, ids),
  }
}

/** Stored events after which the provider is asked: while it is away, they keep no others waiting. */
export function relayWebhookHints(deps: WebhookProcessing): Relayed<string> {
  return {
    name: 'webhook-hints',
    // With the provider away each takes 5 s, four at once: done, and the next job too, before they are due again.
    batch: 12,
    waitingMax: 1,
    concurrency: 1,
    claim: (limit) => claimDueWebhooks(deps.pool, 'hints', limit),
    handle: (ids) => processWebhooks(deps, ids),
  }
}
