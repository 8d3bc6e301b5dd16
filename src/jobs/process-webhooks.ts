import {
  claimDueWebhooks,
  processWebhooks,
  type WebhookProcessing,
} from '../payments/webhook-events.ts'
import type { Relayed } from '../platform/queue/relay.ts'

/** The provider's stored events to their effects. */
export function relayWebhooks(deps: WebhookProcessing): Relayed<string> {
  return {
    name: 'webhooks',
    batch: 200,
    // Most tell what is known: in a crowd they wait a moment and are closed together.
    pauseMs: 200,
    concurrency: 1,
    claim: (limit) => claimDueWebhooks(deps.pool, limit),
    handle: (ids) => processWebhooks(deps, ids),
  }
}
