/** Rows that wait for an effect, each kind in a queue of its own. Each effect is safe to run twice, also at once. */
import type { DatabasePool } from 'slonik'
import {
  claimDueImages,
  firstDueImage,
  type ImageWork,
  processImages,
} from '../images/process-images.ts'
import {
  claimDueWebhooks,
  firstDueWebhook,
  processWebhooks,
  type WebhookProcessing,
  type WebhookQueue,
} from '../payments/webhook-events.ts'
import { claimDueEvents, firstDueEvent, type OutboxQueue } from '../platform/outbox.ts'
import { handleEvents, type OutboxHandlerDeps } from '../platform/outbox-handlers.ts'
import type { Relayed } from '../platform/queue/relay.ts'

/** What the relays' rows work on. */
export interface RelaysDeps {
  readonly pool: DatabasePool
  readonly outbox: OutboxHandlerDeps
  readonly webhooks: WebhookProcessing
  readonly images: ImageWork
}

/**
 * How rows are relayed that ask the payment provider. With it away each takes 5 s, four at once: a job is done, and
 * the one that waits too, before its rows are due again.
 */
const providerPace = { batch: 12, waitingMax: 1, concurrency: 1 }

/** The table of them. */
export function relays(deps: RelaysDeps): readonly Relayed[] {
  const { pool, images } = deps
  return [
    // Facts to whoever has to act on them. Behind a crowd: what comes meanwhile shares the work of a batch.
    { name: 'outbox', batch: 200, pauseMs: 200, concurrency: 2, ...events(deps, 'facts') },
    // A slow mail server holds up nothing else. At most some 75 a second go out, so that the mails of a flash sale
    // leave the machine to those who still pay.
    { name: 'mail', batch: 20, pauseMs: 250, concurrency: 1, ...events(deps, 'mails') },
    // What the provider is asked to cancel: it may be away, and facts need it not.
    { name: 'cancels', ...providerPace, ...events(deps, 'cancels') },
    // Stored events that tell all there is to know. Most tell what is known: in a crowd they wait a moment and are
    // closed together.
    { name: 'webhooks', batch: 200, pauseMs: 200, concurrency: 1, ...webhooks(deps, 'facts') },
    // Stored events after which the provider is asked: while it is away, they keep no others waiting.
    { name: 'webhook-hints', ...providerPace, ...webhooks(deps, 'hints') },
    // Uploaded pictures to the sizes that are shown. One at a time: the process has more urgent work.
    {
      name: 'images',
      batch: 2,
      concurrency: 1,
      firstDue: firstDueImage,
      claim: (limit) => claimDueImages(pool, limit),
      handle: (ids: readonly string[]) => processImages(images, ids),
    },
  ]
}

const events = ({ pool, outbox }: RelaysDeps, queue: OutboxQueue) => ({
  firstDue: firstDueEvent(queue),
  claim: (limit: number) => claimDueEvents(pool, queue, limit),
  handle: (ids: readonly number[]) => handleEvents(outbox, ids),
})

const webhooks = ({ pool, webhooks }: RelaysDeps, queue: WebhookQueue) => ({
  firstDue: firstDueWebhook(queue),
  claim: (limit: number) => claimDueWebhooks(pool, queue, limit),
  handle: (ids: readonly string[]) => processWebhooks(webhooks, ids),
})
