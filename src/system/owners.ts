/** The owners of a worker: actors for its share of the partitions, and what they tell after a commit. */
import type { DatabasePool } from 'slonik'
import { Ownership } from '../actor/ownership.ts'
import { PgOwnerRegistry } from '../actor/pg-owner-registry.ts'
import { pgSessions } from '../actor/pg-sessions.ts'
import { CommitListener } from '../flows/reserve/commit-listener.ts'
import type { Clock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import type { Random } from '../kernel/random.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { RedisGates } from '../stock/gate/redis-gates.ts'
import { RedisMailbox } from '../stock/gate/redis-mailbox.ts'
import { redisSurvey } from '../stock/gate/redis-survey.ts'
import { RedisWakes } from '../stock/gate/redis-wakes.ts'
import { PgLedger } from '../stock/ledger/pg-ledger.ts'
import { seeLedger } from '../stock/ledger/see-ledger.ts'
import { stockLookout } from '../stock/owner/lookout.ts'
import { stockActors } from '../stock/owner/partition-actor.ts'
import type { LedgerStore } from '../stock/ports.ts'
import type { OfferSource } from '../stock/protocol/offers.ts'
import { partitionCount } from '../stock/protocol/partition.ts'

/** Starts them. What it returns hands every partition over, and resolves when nothing is under way. */
export function startOwners(deps: {
  readonly databaseUrl: string
  readonly pool: DatabasePool
  /** For stamps, surveys and looks alone: what jobs hold up must not make an owner look dead. */
  readonly stampPool: DatabasePool
  readonly redis: RedisClient
  /** A connection of the purpose `subscriber`. */
  readonly subscriber: RedisClient
  readonly offers: OfferSource
  readonly holdSeconds: number
  /** Connections that commit; the partitions are spread over them. */
  readonly lanes: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}): () => Promise<void> {
  const { databaseUrl, pool, stampPool, redis, holdSeconds, lanes, clock, random, log } = deps
  const gates = new RedisGates(redis, clock.now)
  const wakes = new RedisWakes({ subscriber: deps.subscriber, publisher: redis })
  const listener = new CommitListener({ pool, gates, wakes, holdSeconds, clock, log })
  const workerId = newId()
  const ownership: Ownership<LedgerStore> = new Ownership({
    sessions: pgSessions({
      databaseUrl,
      workerId,
      clock,
      storeOn: (connection) => new PgLedger(connection),
    }),
    registry: new PgOwnerRegistry({ pool: stampPool, workerId }),
    partitions: partitionCount,
    lanes,
    clock,
    random,
    log,
    lookout: stockLookout({
      gates: redisSurvey(redis),
      ledger: (partitions) => seeLedger(stampPool, partitions),
    }),
    factory: stockActors({
      gates,
      mailbox: new RedisMailbox(redis),
      offers: deps.offers,
      holdSeconds,
      now: clock.now,
      monotonic: clock.monotonic,
      random,
      warn: (message) => log.warn(message),
      onCommitted: (partition, committed) => listener.committed(partition, committed),
      wake: (partition) => ownership.wake(partition),
    }),
  })
  const unwatch = wakes.onWake({
    wake: (partition) => ownership.wake(partition),
    missed: () => ownership.wakeAll(),
  })
  ownership.start()
  return async () => {
    unwatch()
    await ownership.stop()
    await listener.idle()
  }
}
