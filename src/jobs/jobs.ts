/** Background jobs on BullMQ: at least once, each safe to run twice. The queue never guards stock. */
import type { DatabasePool } from 'slonik'
import type { ConnectedConfig } from '../config/config.ts'
import type { ReservationStrategy } from '../flows/reserve/strategy.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import { mailTopics } from '../notifications/mail-topics.ts'
import type { Mailer } from '../notifications/mailer.ts'
import { createMailSender } from '../notifications/send-mails.ts'
import type { StripeEventHandler } from '../payments/webhook-events.ts'
import { mailTopic } from '../platform/outbox.ts'
import { joinTopics, type Topics } from '../platform/outbox-handlers.ts'
import { type Relayed, startRelay } from '../platform/queue/relay.ts'
import { type ScheduledJob, startScheduled } from '../platform/queue/scheduled.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import type { PostGates } from '../stock/gate/post-commands.ts'
import { expireHoldsJob } from './expire-holds.ts'
import { forgetOldJob } from './forget-old.ts'
import { relayWebhookHints, relayWebhooks } from './process-webhooks.ts'
import { rejectAssembliesJob } from './reject-assemblies.ts'
import { relayCancels, relayMail, relayOutbox } from './relay-outbox.ts'
import { watchStockJob } from './watch-stock.ts'

export interface JobsDeps {
  /** Opens a connection of the purpose `jobs`. */
  readonly connect: () => RedisClient
  readonly config: ConnectedConfig
  readonly pool: DatabasePool
  readonly gates: PostGates
  readonly strategy: ReservationStrategy
  readonly mailer: Mailer
  readonly handleStripeEvent: StripeEventHandler
  /** What acts on outbox events, beside the mails. */
  readonly topics: readonly Topics[]
  /** Schedules beside those of this folder. */
  readonly scheduled: readonly ScheduledJob[]
  /** Relays beside those of this folder. */
  readonly relayed: readonly Relayed<string>[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Starts every queue of a worker. `stop` lets running jobs finish, for a few seconds. */
export function startJobs(deps: JobsDeps): { stop(): Promise<void> } {
  const { pool, gates, strategy, random, log } = deps
  const topics = joinTopics(...deps.topics, mailTopics, {
    [mailTopic]: { outside: createMailSender({ pool, mailer: deps.mailer }) },
  })
  const webhooks = { pool, handle: deps.handleStripeEvent, random, log }
  const relaying = { pool, topics, random, log }
  const queues = [
    startScheduled(deps, [
      expireHoldsJob({ pool, strategy, sweepSeconds: deps.config.SWEEP_SECONDS }),
      rejectAssembliesJob({ pool, gates, holdSeconds: deps.config.HOLD_SECONDS }),
      forgetOldJob({ pool }),
      watchStockJob({ pool }),
      ...deps.scheduled,
    ]),
    startRelay(deps, relayOutbox(relaying)),
    startRelay(deps, relayMail(relaying)),
    startRelay(deps, relayCancels(relaying)),
    startRelay(deps, relayWebhooks(webhooks)),
    startRelay(deps, relayWebhookHints(webhooks)),
    ...deps.relayed.map((relayed) => startRelay(deps, relayed)),
  ]
  return {
    async stop() {
      await Promise.all(queues.map((queue) => queue.stop()))
      deps.mailer.close()
    },
  }
}
