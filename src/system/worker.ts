/** Where a worker is connected. */
import { join } from 'node:path'
import type { ConnectedConfig } from '../config/config.ts'
import { accountTopics } from '../flows/account/erase-account.ts'
import { createCancelCheckout } from '../flows/pay/cancel-checkout.ts'
import { handleStripeEvent } from '../flows/pay/handle-event.ts'
import { paymentTopics } from '../flows/pay/payment-topics.ts'
import { offerSource } from '../flows/reserve/offer-source.ts'
import { noteReadyImage } from '../flows/sell/manage-images.ts'
import { productTopics } from '../flows/sell/product-topics.ts'
import { fulfilmentTopics } from '../fulfilment/fulfilment-topics.ts'
import { openImageStore } from '../images/open-store.ts'
import { writesRelayedRows } from '../jobs/hints.ts'
import { relays } from '../jobs/relays.ts'
import { schedule } from '../jobs/schedule.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { mailTopics } from '../notifications/mail-topics.ts'
import { createMailer } from '../notifications/mailer.ts'
import { createMailSender } from '../notifications/send-mails.ts'
import { mailTopic } from '../platform/outbox.ts'
import { joinTopics } from '../platform/outbox-handlers.ts'
import { startRelays } from '../platform/queue/relay.ts'
import { startScheduled } from '../platform/queue/scheduled.ts'
import { receiveHints, WorkHints } from '../platform/queue/work-hints.ts'
import { createLogger } from '../platform/telemetry/logger.ts'
import { startDirectCommands } from '../stock/direct/direct-commands.ts'
import { LocalRefusals } from '../stock/gate/local-refusals.ts'
import { RedisGates } from '../stock/gate/redis-gates.ts'
import { openPgLedger } from '../stock/ledger/pg-ledger.ts'
import { checkoutIds } from '../stock/protocol/checkout-id.ts'
import { startOwners } from './owners.ts'
import { moneyOf, poolOf, redisOpener, strategyOf } from './shared.ts'

/** Commit connections of one worker; its partitions are spread over them. */
const lanes = 4

/** Starts the actors of as many partitions as are this worker's share, and the background jobs. */
export async function startWorker(config: ConnectedConfig): Promise<{ stop(): Promise<void> }> {
  const clock = systemClock
  const log = createLogger({ level: config.LOG_LEVEL, role: 'worker' })
  const open = redisOpener(config, log)
  const hints = new WorkHints({ clock, writes: writesRelayedRows })
  const pool = await poolOf(config, log, 8, hints.executed)
  const stampPool = await poolOf(config, log, 3)
  const redis = open('patient')
  const subscriber = open('subscriber')
  const gates = new RedisGates(redis, clock.now)
  const offers = offerSource(pool)
  const ids = checkoutIds(config.JWT_SECRET, clock.now, systemRandom)

  const { DATABASE_URL: databaseUrl, HOLD_SECONDS: holdSeconds } = config
  const stopStock =
    config.STOCK_STRATEGY === 'actor'
      ? startOwners({
          databaseUrl,
          pool,
          stampPool,
          redis,
          subscriber,
          offers,
          holdSeconds,
          lanes,
          clock,
          random: systemRandom,
          log,
        })
      : startDirectCommands({
          connect: () => openPgLedger(databaseUrl, 'sluice-direct', clock),
          gates,
          holdSeconds,
          clock,
          random: systemRandom,
          log,
        })
  const refusals = new LocalRefusals({ gates, clock })
  const strategy = strategyOf(config, { pool, gates, ids, refusals })
  const money = moneyOf(config, { pool, strategy, clock, random: systemRandom, log })
  const cancelCheckout = createCancelCheckout({ pool, ids, strategy })
  const images = {
    pool,
    log,
    store: (await openImageStore(config, clock)).store,
    onReady: noteReadyImage,
  }
  const mailer = createMailer({
    smtpUrl: config.SMTP_URL,
    mailDir: join(config.DATA_DIR, 'mail'),
    from: config.MAIL_FROM,
  })
  const topics = joinTopics(
    paymentTopics(money),
    fulfilmentTopics,
    productTopics({ pool, redis, gates, offers }),
    accountTopics({ pool, redis }),
    mailTopics,
    { [mailTopic]: { outside: createMailSender({ pool, mailer }) } },
  )
  const unhint = receiveHints(hints, subscriber)
  const jobs = [
    startScheduled(
      { redis, clock, log },
      schedule({
        pool,
        gates,
        money,
        cancelCheckout,
        images,
        holdSeconds,
        sweepSeconds: config.SWEEP_SECONDS,
      }),
    ),
    startRelays(
      { connect: () => open('jobs'), pool, hints, clock, log },
      relays({
        pool,
        outbox: { pool, topics, random: systemRandom, log },
        webhooks: {
          pool,
          handle: (event) => handleStripeEvent(money, event),
          random: systemRandom,
          log,
        },
        images,
      }),
    ),
  ]
  log.info({ strategy: config.STOCK_STRATEGY }, 'worker runs')

  return {
    async stop() {
      unhint()
      await Promise.all(jobs.map((each) => each.stop()))
      mailer.close()
      await stopStock()
      redis.disconnect()
      subscriber.disconnect()
      await Promise.all([pool.end(), stampPool.end()])
      log.info('worker stopped')
    },
  }
}
