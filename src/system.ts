/** The one page where everything is connected. Each start returns a stop that undoes it in reverse. */
import { join } from 'node:path'
import type { DatabasePool } from 'slonik'
import { Ownership } from './actor/ownership.ts'
import { Carts } from './cart/carts.ts'
import { actorStrategy } from './checkout/actor-strategy.ts'
import { createAssembly, currenciesOf } from './checkout/assembly.ts'
import { AvailabilityReader } from './checkout/availability.ts'
import { createCancelOrder } from './checkout/cancel-order.ts'
import { Checkouts } from './checkout/checkouts.ts'
import { createCommitListener } from './checkout/commit-listener.ts'
import { Confirmations } from './checkout/confirm.ts'
import { createPlaceFromCart } from './checkout/from-cart.ts'
import { giveBackAll } from './checkout/give-back-all.ts'
import { noteReadyImage } from './checkout/manage-images.ts'
import { offerSource } from './checkout/offer-source.ts'
import { catalogueOf } from './checkout/open-catalogue.ts'
import { pessimisticStrategy } from './checkout/pessimistic-strategy.ts'
import { createPlaceOrder } from './checkout/place-order.ts'
import { productTopics } from './checkout/product-topics.ts'
import { Results } from './checkout/results.ts'
import { handleStripeEvent } from './checkout/saga/handle-event.ts'
import type { MoneyDeps } from './checkout/saga/money-deps.ts'
import { paymentTopics } from './checkout/saga/payment-topics.ts'
import type { ReservationStrategy } from './checkout/strategy.ts'
import type { ConnectedConfig } from './config.ts'
import { simulatorUrl } from './dev/simulator-options.ts'
import { fulfilmentTopics } from './fulfilment/fulfilment-topics.ts'
import { createLocations } from './fulfilment/locations.ts'
import { buildApp } from './http/app.ts'
import { allImageRoutes } from './http/image-routing.ts'
import { mergeCart } from './http/merge-cart.ts'
import { accountRoutes } from './http/routes/account.ts'
import { auditRoutes } from './http/routes/audit.ts'
import { cartRoutes } from './http/routes/cart.ts'
import { checkoutRoutes } from './http/routes/checkouts.ts'
import { confirmRoutes } from './http/routes/confirm.ts'
import { locationRoutes, shipmentRoutes } from './http/routes/fulfilment.ts'
import { opsOutboxRoutes } from './http/routes/ops-outbox.ts'
import { opsWebhookRoutes } from './http/routes/ops-webhooks.ts'
import { orderRoutes } from './http/routes/orders.ts'
import { placeOrderRoutes } from './http/routes/place-order.ts'
import { productRoutes } from './http/routes/products.ts'
import { skuRoutes } from './http/routes/skus.ts'
import { stockRoutes } from './http/routes/stock.ts'
import { userRoutes } from './http/routes/users.ts'
import { webhookRoutes } from './http/routes/webhooks.ts'
import { createIdentity } from './identity/identity.ts'
import { imagesOf } from './images/images-of.ts'
import { openImageStore } from './images/open-store.ts'
import { catalogueJobs } from './jobs/catalogue-jobs.ts'
import { giveBackJob } from './jobs/give-back.ts'
import { startJobs } from './jobs/jobs.ts'
import { paymentJobs } from './jobs/payment-jobs.ts'
import { imageJobs, relayImages } from './jobs/process-images.ts'
import { systemClock } from './kernel/clock.ts'
import { createMailer } from './notifications/mailer.ts'
import { createOrders } from './orders/orders.ts'
import { simulatorKey, stripeGateway } from './payments/stripe-gateway.ts'
import { WebhookInbox } from './payments/webhook-inbox.ts'
import { createWebhookVerifier } from './payments/webhook-signature.ts'
import { openPool, sql } from './platform/postgres/pool.ts'
import { openRedis, type RedisPurpose } from './platform/redis/client.ts'
import { createLogger, type Logger } from './platform/telemetry/logger.ts'
import { createRegistry } from './platform/telemetry/metrics.ts'
import { checkoutIds } from './stock/checkout-id.ts'
import { startDirectCommands } from './stock/direct-commands.ts'
import { Gate } from './stock/gate.ts'
import { skuExists } from './stock/ledger-lookup.ts'
import { LocalRefusals } from './stock/local-refusals.ts'
import { partitionCount } from './stock/partition.ts'
import { stockActors } from './stock/partition-actor.ts'
import { watchFreedUnits, watchWakeUps } from './stock/watch.ts'

/** Commit connections of one worker; its partitions are spread over them. */
const lanes = 4

/** Starts the HTTP server. Resolves when it listens. */
export async function startApi(
  config: ConnectedConfig,
): Promise<{ url: string; stop(): Promise<void> }> {
  const clock = systemClock
  const log = createLogger({ level: config.LOG_LEVEL, role: 'api' })
  const open = redisOpener(config, log)
  const pool = await poolOf(config, log, 20)
  const gateRedis = open('gate')
  const subscriber = open('subscriber')

  const identity = createIdentity({ pool, jwtSecret: config.JWT_SECRET })
  const unwatchEnded = identity.ended.watch(clock)
  const ids = checkoutIds(config.JWT_SECRET, clock.now)
  const refusals = new LocalRefusals({ redis: gateRedis, clock })
  const unwatch = watchFreedUnits(subscriber, refusals)
  const gate = new Gate({
    redis: gateRedis,
    ids,
    refusals,
    clock,
    skuExists: (sku) => skuExists(pool, sku),
    waitingUnitsMax: config.MAILBOX_UNITS,
  })
  const strategy = strategyOf(config, { pool, gate, redis: gateRedis, ids })
  const results = new Results({ subscriber, clock })
  const checkouts = new Checkouts({ pool, ids, strategy, results, clock })
  const giveBack = (accountId: string) => giveBackAll({ pool, checkouts }, accountId)
  const availability = new AvailabilityReader({ pool, strategy, clock })
  const cartRedis = open('carts')
  const carts = new Carts({ redis: cartRedis, priced: (skus) => availability.readMany(skus) })
  const onNotEmptied = (error: unknown) => log.warn({ err: error }, 'a bought cart was not emptied')
  const images = await openImageStore(config, clock)
  const catalogue = catalogueOf({
    imagesOf: imagesOf(pool, config.PUBLIC_URL ?? ''),
    pool,
    redis: gateRedis,
    subscriber,
    availability,
    clock,
  })
  const money = moneyOf(config, { pool, strategy, clock, log })
  const confirmations = new Confirmations({ ...money, checkouts })
  const buying = { pool, checkouts, confirmations, strategy, carts }
  const orders = createOrders({ pool })

  const app = buildApp({
    config,
    log,
    clock,
    identity,
    redis: gateRedis,
    metrics: createRegistry(),
    onSignedIn: mergeCart(carts),
    health: {
      db: () => pool.query(sql.typeAlias('none')`select`),
      redis: () => gateRedis.ping(),
    },
    routes: [
      accountRoutes({ identity, giveBackAll: giveBack }),
      userRoutes({ identity, giveBackAll: giveBack }),
      checkoutRoutes({
        checkouts,
        placeFromCart: createPlaceFromCart({ carts, checkouts, onNotEmptied }),
      }),
      cartRoutes({ carts }),
      stockRoutes({ pool, strategy }),
      auditRoutes({ pool }),
      confirmRoutes({ confirmations }),
      placeOrderRoutes({ placeOrder: createPlaceOrder({ ...buying, onNotEmptied }) }),
      orderRoutes({ pool, orders, cancelOrder: createCancelOrder({ pool, checkouts, strategy }) }),
      shipmentRoutes({ pool, orders }),
      locationRoutes({ locations: createLocations({ pool }) }),
      productRoutes(catalogue),
      ...allImageRoutes({ config, pool, opened: images, clock }),
      skuRoutes({ availability }),
      webhookRoutes({
        inbox: new WebhookInbox(pool),
        verify: createWebhookVerifier(config.STRIPE_WEBHOOK_SECRET),
      }),
      opsWebhookRoutes({ pool }),
      opsOutboxRoutes({ pool }),
    ],
  })
  const url = await app.listen({ port: config.PORT, host: config.HOST })
  log.info({ url, strategy: config.STOCK_STRATEGY }, 'api listens')
  return {
    url,
    async stop() {
      await app.close()
      await unwatchEnded()
      unwatch()
      catalogue.unwatch()
      for (const redis of [gateRedis, cartRedis, subscriber]) redis.disconnect()
      await pool.end()
      log.info('api stopped')
    },
  }
}

/** Starts the actors of as many partitions as are this worker's share, and the background jobs. */
export async function startWorker(config: ConnectedConfig): Promise<{ stop(): Promise<void> }> {
  const clock = systemClock
  const log = createLogger({ level: config.LOG_LEVEL, role: 'worker' })
  const open = redisOpener(config, log)
  const pool = await poolOf(config, log, 8)
  const redis = open('patient')
  const subscriber = open('subscriber')
  const offers = offerSource(pool)
  const ids = checkoutIds(config.JWT_SECRET, clock.now)

  const stopStock =
    config.STOCK_STRATEGY === 'actor'
      ? startActors()
      : startDirectCommands({
          databaseUrl: config.DATABASE_URL,
          holdSeconds: config.HOLD_SECONDS,
          clock,
          log,
        })
  const gate = new Gate({
    redis,
    ids,
    refusals: new LocalRefusals({ redis, clock }),
    clock,
    skuExists: (sku) => skuExists(pool, sku),
    waitingUnitsMax: config.MAILBOX_UNITS,
  })
  const strategy = strategyOf(config, { pool, gate, redis, ids })
  const money = moneyOf(config, { pool, strategy, clock, log })
  const results = new Results({ subscriber, clock })
  const checkouts = new Checkouts({ pool, ids, strategy, results, clock })
  const images = {
    pool,
    log,
    store: (await openImageStore(config, clock)).store,
    onReady: noteReadyImage,
  }
  const jobs = startJobs({
    connect: () => open('jobs'),
    config,
    pool,
    redis,
    strategy,
    mailer: createMailer({
      smtpUrl: config.SMTP_URL,
      mailDir: join(config.DATA_DIR, 'mail'),
      from: config.MAIL_FROM,
    }),
    handleStripeEvent: (event) => handleStripeEvent(money, event),
    topics: [paymentTopics(money), fulfilmentTopics, productTopics({ pool, redis, offers })],
    scheduled: [
      ...paymentJobs(money),
      ...catalogueJobs({ pool }),
      giveBackJob({ pool, checkouts }),
      ...imageJobs(images),
    ],
    relayed: [relayImages(images)],
    log,
  })
  log.info({ strategy: config.STOCK_STRATEGY }, 'worker runs')

  function startActors(): () => Promise<void> {
    const listener = createCommitListener({ pool, redis, holdSeconds: config.HOLD_SECONDS, log })
    const ownership: Ownership = new Ownership({
      databaseUrl: config.DATABASE_URL,
      pool,
      partitions: partitionCount,
      lanes,
      clock,
      log,
      factory: stockActors({
        redis,
        offers,
        holdSeconds: config.HOLD_SECONDS,
        now: clock.now,
        warn: (message) => log.warn(message),
        onCommitted: listener.committed,
        wake: (partition) => ownership.wake(partition),
      }),
    })
    const unwatch = watchWakeUps(subscriber, ownership)
    ownership.start()
    return async () => {
      unwatch()
      await ownership.stop()
      await listener.idle()
    }
  }

  return {
    async stop() {
      await jobs.stop()
      await stopStock()
      redis.disconnect()
      subscriber.disconnect()
      await pool.end()
      log.info('worker stopped')
    },
  }
}

interface StrategyParts {
  readonly pool: DatabasePool
  readonly gate: Gate
  readonly redis: ReturnType<typeof openRedis>
  readonly ids: ReturnType<typeof checkoutIds>
}

function strategyOf(config: ConnectedConfig, parts: StrategyParts): ReservationStrategy {
  const { pool, gate, redis, ids } = parts
  if (config.STOCK_STRATEGY === 'pessimistic') {
    const holdSeconds = config.HOLD_SECONDS
    return pessimisticStrategy({
      pool,
      ids,
      offers: offerSource(pool),
      clock: systemClock,
      holdSeconds,
    })
  }
  const currencies = (skus: readonly string[]) => currenciesOf(pool, skus)
  return actorStrategy({
    gate,
    redis,
    assembly: createAssembly({ pool, redis, gate, ids, currencies }),
  })
}

function moneyOf(
  config: ConnectedConfig,
  parts: Pick<MoneyDeps, 'pool' | 'strategy' | 'clock' | 'log'>,
): MoneyDeps {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_BASE: apiBase } = config
  return {
    ...parts,
    // Without a key there is nobody but the simulator to pay with.
    gateway: stripeGateway(
      secretKey
        ? { secretKey, apiBase }
        : { secretKey: simulatorKey, apiBase: apiBase ?? simulatorUrl },
    ),
    declinesMax: config.MAX_PAYMENT_ATTEMPTS,
    outage: config.PAYMENT_OUTAGE,
  }
}

function redisOpener(config: ConnectedConfig, log: Logger) {
  return (purpose: RedisPurpose) =>
    openRedis(config.REDIS_URL, purpose, (error) => log.warn({ err: error, purpose }, 'redis'))
}

function poolOf(config: ConnectedConfig, log: Logger, max: number): Promise<DatabasePool> {
  return openPool(config.DATABASE_URL, {
    max,
    statementTimeoutMs: 10_000,
    onError: (error) => log.debug({ err: error }, 'postgres'),
  })
}
