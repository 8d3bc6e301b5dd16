/** Where the background jobs of a worker are connected. */
import { join } from 'node:path'
import type { DatabasePool } from 'slonik'
import type { ConnectedConfig } from '../config/config.ts'
import { accountTopics } from '../flows/account/erase-account.ts'
import { createCancelCheckout } from '../flows/pay/cancel-checkout.ts'
import { handleStripeEvent } from '../flows/pay/handle-event.ts'
import { paymentTopics } from '../flows/pay/payment-topics.ts'
import type { ReservationStrategy } from '../flows/reserve/strategy.ts'
import { noteReadyImage } from '../flows/sell/manage-images.ts'
import { productTopics } from '../flows/sell/product-topics.ts'
import { fulfilmentTopics } from '../fulfilment/fulfilment-topics.ts'
import { openImageStore } from '../images/open-store.ts'
import { relays } from '../jobs/relays.ts'
import { schedule } from '../jobs/schedule.ts'
import type { Clock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { orderLinks } from '../notifications/letters.ts'
import { mailTopics } from '../notifications/mail-topics.ts'
import { createMailer } from '../notifications/mailer.ts'
import { createMailSender } from '../notifications/send-mails.ts'
import { createEventWalk } from '../payments/event-walk.ts'
import { WebhookInbox } from '../payments/webhook-inbox.ts'
import { mailTopic } from '../platform/outbox.ts'
import { joinTopics } from '../platform/outbox-handlers.ts'
import { startRelays } from '../platform/queue/relay.ts'
import { startScheduled } from '../platform/queue/scheduled.ts'
import { receiveHints, type WorkHints } from '../platform/queue/work-hints.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import type { GateStore } from '../stock/ports.ts'
import type { CheckoutIds } from '../stock/protocol/checkout-id.ts'
import type { OfferSource } from '../stock/protocol/offers.ts'
import { startPayments } from './shared.ts'

export interface JobParts {
  readonly pool: DatabasePool
  readonly redis: RedisClient
  /** A connection of the purpose `subscriber`. */
  readonly subscriber: RedisClient
  readonly gates: GateStore
  readonly offers: OfferSource
  readonly ids: CheckoutIds
  readonly strategy: ReservationStrategy
  readonly hints: WorkHints
  /** Opens a connection of the purpose `jobs`. */
  readonly connect: () => RedisClient
  readonly clock: Clock
  readonly log: Logger
}

const walkNotNoted = 'the gap before this start could not be noted; the newest events tell of it'

/** Starts the schedule and the relays. `stop` lets running jobs finish, for a few seconds. */
export async function startJobs(
  config: ConnectedConfig,
  parts: JobParts,
): Promise<{ stop(): Promise<void> }> {
  const { pool, redis, gates, offers, strategy, hints, clock, log } = parts
  const random = systemRandom
  const payments = startPayments(config, {
    pool,
    strategy,
    clock,
    random,
    log,
    redis,
    urgency: 'background',
  })
  const { money, queue } = payments
  const inbox = new WebhookInbox(pool, clock)
  const eventWalk = createEventWalk({ pool, lists: payments.lists, inbox, clock, log })
  // Webhooks may have been lost while nobody was there. A look says so too, if this does not come through.
  await eventWalk.want().catch((error: unknown) => log.warn({ err: error }, walkNotNoted))
  const { store } = await openImageStore(config, clock)
  const images = { pool, log, store, onReady: noteReadyImage }
  const mailer = createMailer({
    smtpUrl: config.SMTP_URL,
    mailDir: join(config.DATA_DIR, 'mail'),
    from: config.MAIL_FROM,
    replyTo: config.MAIL_REPLY_TO,
  })
  const context = orderLinks(config.PUBLIC_URL)
  const topics = joinTopics(
    paymentTopics(money),
    fulfilmentTopics,
    productTopics({ pool, redis, gates, offers }),
    accountTopics({ pool, redis }),
    mailTopics,
    {
      [mailTopic]: { outside: createMailSender({ pool, mailer, context, clock }) },
    },
  )
  const scheduled = schedule({
    pool,
    gates,
    money,
    queue,
    eventWalk,
    cancelCheckout: createCancelCheckout({ store: money.store, ids: parts.ids, strategy }),
    images,
    holdSeconds: config.HOLD_SECONDS,
    sweepSeconds: config.SWEEP_SECONDS,
  })
  const relayed = relays({
    pool,
    outbox: { pool, topics, random, log },
    webhooks: { pool, handle: (event) => handleStripeEvent(money, event), random, log },
    images,
  })
  const unhint = receiveHints(hints, parts.subscriber)
  const running = [
    startScheduled({ redis, clock, log }, scheduled),
    startRelays({ connect: parts.connect, pool, hints, clock, log }, relayed),
  ]
  return {
    async stop() {
      unhint()
      await Promise.all([payments, ...running].map((each) => each.stop()))
      mailer.close()
    },
  }
}
