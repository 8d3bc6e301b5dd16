import {
  claimDueWebhooks,
  processWebhooks,
  type WebhookProcessing,
  type WebhookQueue,
} from '../payments/webhook-events.ts'
import type { Relayed } from '../platform/queue/relay.ts'
import { providerPace } from './provider-pace.ts'

function relay(
  deps: WebhookProcessing,
  queue: WebhookQueue,
  pace: Omit<Relayed<string>, 'claim' | 'handle'>,
): Relayed<string> {
  return {
    ...pace,
    claim: (limit) => claimDueWebhooks(deps.pool, queue, limit),
    handle: (ids) => processWebhooks(deps, ids),
  }
}

/**
 * Stored events that tell all there is to know, to their effects. Most tell what is known: in a crowd they wait a
 * moment and are closed together.
 */
export const relayWebhooks = (deps: WebhookProcessing) =>
  relay(deps, 'facts', { name: 'webhooks', batch: 200, pauseMs: 200, concurrency: 1 })

/** Stored events after which the provider is asked: while it is away, they keep no others waiting. */
export const relayWebhookHints = (deps: WebhookProcessing) =>
  relay(deps, 'hints', { name: 'webhook-hints', ...providerPace })
