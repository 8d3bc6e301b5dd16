import type { Relayed } from '../platform/queue/relay.ts'

/**
 * How rows are relayed that ask the payment provider. With it away each takes 5 s, four at once: a job is done, and
 * the one that waits too, before its rows are due again.
 */
export const providerPace = {
  batch: 12,
  waitingMax: 1,
  concurrency: 1,
} satisfies Partial<Relayed<never>>
