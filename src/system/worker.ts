/** Where a worker is connected. */
import type { ConnectedConfig } from '../config/config.ts'
import { offerSource } from '../flows/reserve/offer-source.ts'
import { writesRelayedRows } from '../jobs/hints.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { WorkHints } from '../platform/queue/work-hints.ts'
import { createLogger } from '../platform/telemetry/logger.ts'
import { startDirectCommands } from '../stock/direct/direct-commands.ts'
import { LocalRefusals } from '../stock/gate/local-refusals.ts'
import { RedisGates } from '../stock/gate/redis-gates.ts'
import { openPgLedger } from '../stock/ledger/pg-ledger.ts'
import { checkoutIds } from '../stock/protocol/checkout-id.ts'
import { startJobs } from './jobs.ts'
import { startOwners } from './owners.ts'
import { poolOf, redisOpener, strategyOf } from './shared.ts'

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
  const jobs = await startJobs(config, {
    pool,
    redis,
    subscriber,
    gates,
    offers,
    ids,
    strategy,
    hints,
    connect: () => open('jobs'),
    clock,
    log,
  })
  log.info({ strategy: config.STOCK_STRATEGY }, 'the worker runs')

  return {
    async stop() {
      await jobs.stop()
      await stopStock()
      redis.disconnect()
      subscriber.disconnect()
      await Promise.all([pool.end(), stampPool.end()])
      log.info('the worker has stopped')
    },
  }
}
