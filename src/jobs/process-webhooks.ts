import {
  claimDueWebhooks,
  processWebhooks,
  type WebhookProcessing,
  type WebhookQueue,
} from '../payments/webhook-events.ts'
import type { Relayed } from '../platform/queue/relay.ts'

/** The provider's stored events to their effects. Hints wait for the provider; facts need not wait for hints. */
export function relayWebhooks(queue: WebhookQueue, deps: WebhookProcessing): Relayed<string> {
  return {
    name: queue === 'facts' ? 'webhooks' : 'webhook-hints',
    batch: 200,
    // Most tell what is known: in a crowd they wait a moment and are closed together.
    pauseMs: 200,
    concurrency: 1,
    claim: (limit) => claimDueWebhooks(deps.pool, queue, limit),
    handle: (ids) => processWebhooks(deps, ids),
  }
}
