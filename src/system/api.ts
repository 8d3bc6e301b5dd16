/** Where an API process is connected. */
import type { FastifyPluginAsync } from 'fastify'
import { type Carts, createCarts } from '../cart/carts.ts'
import type { ConnectedConfig } from '../config/config.ts'
import { createEraseAccount } from '../flows/account/erase-account.ts'
import { giveBackAll } from '../flows/account/give-back-all.ts'
import { AvailabilityReader } from '../flows/browse/availability.ts'
import { createCancelCheckout } from '../flows/pay/cancel-checkout.ts'
import { createCancelOrder } from '../flows/pay/cancel-order.ts'
import { Confirmations } from '../flows/pay/confirm.ts'
import type { MoneyDeps } from '../flows/pay/money-deps.ts'
import type { PaymentQueue } from '../flows/pay/payment-queue.ts'
import { createPlaceOrder } from '../flows/pay/place-order.ts'
import { receiptEmailOf } from '../flows/pay/receipt-email.ts'
import { createRefundOrder } from '../flows/pay/refund-order.ts'
import { Checkouts } from '../flows/reserve/checkouts.ts'
import { createPlaceFromCart } from '../flows/reserve/from-cart.ts'
import { Results } from '../flows/reserve/results.ts'
import type { ReservationStrategy } from '../flows/reserve/strategy.ts'
import { createLocations } from '../fulfilment/locations.ts'
import { buildApp } from '../http/app.ts'
import { allImageRoutes } from '../http/image-routing.ts'
import { accountRoutes } from '../http/routes/account.ts'
import { auditRoutes } from '../http/routes/audit.ts'
import { cartRoutes } from '../http/routes/cart.ts'
import { checkoutRoutes } from '../http/routes/checkouts.ts'
import { confirmRoutes } from '../http/routes/confirm.ts'
import { locationRoutes, shipmentRoutes } from '../http/routes/fulfilment.ts'
import { opsDisputeRoutes } from '../http/routes/ops-disputes.ts'
import { opsOutboxRoutes } from '../http/routes/ops-outbox.ts'
import { opsPaymentRoutes } from '../http/routes/ops-payments.ts'
import { opsRefundRoutes } from '../http/routes/ops-refunds.ts'
import { opsWebhookRoutes } from '../http/routes/ops-webhooks.ts'
import { orderRefundRoutes } from '../http/routes/order-refunds.ts'
import { orderRoutes } from '../http/routes/orders.ts'
import { placeOrderRoutes } from '../http/routes/place-order.ts'
import { type ProductRouteDeps, productRoutes } from '../http/routes/products.ts'
import { skuRoutes } from '../http/routes/skus.ts'
import { stockRoutes } from '../http/routes/stock.ts'
import { userRoutes } from '../http/routes/users.ts'
import { webhookRoutes } from '../http/routes/webhooks.ts'
import { mergeCart } from '../http/server/merge-cart.ts'
import { createIdentity, type Identity } from '../identity/identity.ts'
import { imagesOf } from '../images/images-of.ts'
import { type OpenedStore, openImageStore } from '../images/open-store.ts'
import { writesRelayedRows } from '../jobs/hints.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { createOrders } from '../orders/orders.ts'
import { WebhookInbox } from '../payments/webhook-inbox.ts'
import { createWebhookVerifier } from '../payments/webhook-signature.ts'
import { sql } from '../platform/postgres/pool.ts'
import { publishHints, WorkHints } from '../platform/queue/work-hints.ts'
import { createLogger } from '../platform/telemetry/logger.ts'
import { createRegistry } from '../platform/telemetry/metrics.ts'
import { LocalRefusals } from '../stock/gate/local-refusals.ts'
import { RedisGates } from '../stock/gate/redis-gates.ts'
import { RedisWakes } from '../stock/gate/redis-wakes.ts'
import { type CheckoutIds, checkoutIds } from '../stock/protocol/checkout-id.ts'
import { catalogueOf } from './catalogue.ts'
import { poolOf, redisOpener, startPayments, strategyOf } from './shared.ts'

/** Starts the HTTP server. Resolves when it listens. */
export async function startApi(
  config: ConnectedConfig,
): Promise<{ url: string; stop(): Promise<void> }> {
  const clock = systemClock
  const log = createLogger({ level: config.LOG_LEVEL, role: 'api' })
  const open = redisOpener(config, log)
  const gateRedis = open('gate')
  const hints = new WorkHints({ clock, writes: writesRelayedRows })
  publishHints(hints, gateRedis)
  const pool = await poolOf(config, log, 20, hints.executed)
  const subscriber = open('subscriber')

  const identity = createIdentity({ pool, jwtSecret: config.JWT_SECRET })
  const unwatchEnded = identity.ended.watch(clock)
  const ids = checkoutIds(config.JWT_SECRET, clock.now, systemRandom)
  const gates = new RedisGates(gateRedis, clock.now)
  const wakes = new RedisWakes({ subscriber, publisher: gateRedis })
  const refusals = new LocalRefusals({ gates, clock })
  const unwatch = wakes.onFreed(refusals)
  const strategy = strategyOf(config, { pool, gates, ids, refusals })
  const results = new Results({ wakes, clock })
  const availability = new AvailabilityReader({ pool, strategy, clock })
  const cartRedis = open('carts')
  const carts = createCarts({ redis: cartRedis, priced: (skus) => availability.readMany(skus) })
  const images = await openImageStore(config, clock)
  const catalogue = catalogueOf({
    imagesOf: imagesOf(pool, config.PUBLIC_URL ?? ''),
    pool,
    redis: gateRedis,
    gates,
    subscriber,
    availability,
    clock,
  })
  const paying = { pool, strategy, clock, random: systemRandom, log, redis: gateRedis }
  const payments = startPayments(config, { ...paying, urgency: 'buyer' })
  const { money, queue } = payments
  const parts = { ...money, queue, strategy, identity, ids, images, availability, carts, results }

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
      payments: () => money.access.refused === null,
    },
    routes: routesOf(config, { ...parts, catalogue }),
  })
  const url = await app.listen({ port: config.PORT, host: config.HOST })
  log.info({ url, strategy: config.STOCK_STRATEGY }, 'the API listens')
  return {
    url,
    async stop() {
      await app.close()
      await payments.stop()
      await unwatchEnded()
      unwatch()
      catalogue.unwatch()
      for (const redis of [gateRedis, cartRedis, subscriber]) redis.disconnect()
      await pool.end()
      log.info('the API has stopped')
    },
  }
}

/** What the routes are made of. */
interface RouteParts extends MoneyDeps {
  readonly queue: PaymentQueue
  readonly strategy: ReservationStrategy
  readonly identity: Identity
  readonly ids: CheckoutIds
  readonly images: OpenedStore
  readonly catalogue: ProductRouteDeps
  readonly availability: AvailabilityReader
  readonly carts: Carts
  readonly results: Results
}

function routesOf(config: ConnectedConfig, parts: RouteParts): FastifyPluginAsync[] {
  const { identity, ids, images, catalogue, availability, carts, results, ...money } = parts
  const { pool, strategy, clock, log } = parts
  const checkouts = new Checkouts({ pool, ids, strategy, results, clock })
  const confirmations = new Confirmations({
    ...{ ...money, checkouts },
    ...(config.STRIPE_RECEIPT_EMAIL ? { receiptEmailOf: receiptEmailOf(pool) } : {}),
  })
  const cancelCheckout = createCancelCheckout({ store: money.store, ids, strategy })
  const giveBack = (accountId: string) => giveBackAll({ pool, cancelCheckout }, accountId)
  const onNotEmptied = (error: unknown) =>
    log.warn({ err: error }, 'a cart was bought but not emptied; it stays as it is')
  const buying = { ...money, checkouts, confirmations, carts }
  const orders = createOrders({ pool })
  return [
    accountRoutes({
      identity,
      eraseAccount: createEraseAccount({ identity, giveBackAll: giveBack }),
    }),
    userRoutes({ identity, giveBackAll: giveBack }),
    checkoutRoutes({
      checkouts,
      confirmations,
      cancelCheckout,
      placeFromCart: createPlaceFromCart({ carts, checkouts, onNotEmptied }),
    }),
    cartRoutes({ carts }),
    stockRoutes({ pool, strategy }),
    auditRoutes({ pool }),
    confirmRoutes({ confirmations, debits: config.PAYMENT_METHODS === 'any' }),
    placeOrderRoutes({ placeOrder: createPlaceOrder({ ...buying, onNotEmptied }) }),
    orderRoutes({
      pool,
      orders,
      cancelOrder: createCancelOrder({ pool, cancelCheckout, strategy }),
    }),
    orderRefundRoutes({ refundOrder: createRefundOrder({ pool, strategy }) }),
    shipmentRoutes({ pool, orders }),
    locationRoutes({ locations: createLocations({ pool }) }),
    productRoutes(catalogue),
    ...allImageRoutes({ config, pool, opened: images, clock }),
    skuRoutes({ availability }),
    webhookRoutes({
      inbox: new WebhookInbox(pool, clock),
      verify: createWebhookVerifier(config.STRIPE_WEBHOOK_SECRET),
    }),
    opsWebhookRoutes({ pool }),
    opsOutboxRoutes({ pool }),
    opsPaymentRoutes({ pool }),
    opsRefundRoutes({ pool }),
    opsDisputeRoutes({ pool }),
  ]
}
