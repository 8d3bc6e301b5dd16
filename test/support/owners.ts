/** Lanes and owners on a database of the test's own, with actors of the test's own. */
import { pino } from 'pino'
import type { DatabasePool } from 'slonik'
import type { ActorFactory, Lookout, PartitionActor } from '../../src/actor/actor.ts'
import { PgOwnerRegistry } from '../../src/actor/pg-owner-registry.ts'
import { pgSessions } from '../../src/actor/pg-sessions.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { PgLedger } from '../../src/stock/ledger/pg-ledger.ts'
import type { LedgerStore } from '../../src/stock/ports.ts'

/** Sessions of a worker, whose actors get the ledger on them. */
export const sessionsOn = (databaseUrl: string, workerId: string = newId()) =>
  pgSessions({
    databaseUrl,
    workerId,
    clock: systemClock,
    storeOn: (connection): LedgerStore => new PgLedger(connection),
  })

/** What a lane needs, unless the test says otherwise. */
export const laneDeps = (databaseUrl: string, factory: ActorFactory<LedgerStore>) => ({
  sessions: sessionsOn(databaseUrl),
  factory,
  clock: systemClock,
  random: systemRandom,
  log: pino({ level: 'silent' }),
})

/** What the owners of one worker need, unless the test says otherwise. */
export function ownershipDeps(
  on: { readonly databaseUrl: string; readonly pool: DatabasePool },
  factory: ActorFactory<LedgerStore>,
) {
  const workerId = newId()
  return {
    ...laneDeps(on.databaseUrl, factory),
    sessions: sessionsOn(on.databaseUrl, workerId),
    registry: new PgOwnerRegistry({ pool: on.pool, workerId }),
    lookout: blindLookout,
    partitions: 64,
    lanes: 2,
  }
}

/** An actor that never finds anything. */
export const idleActor: PartitionActor = {
  pass: async () => ({ anything: false, arrivals: 0, parts: false }),
  tend: async () => {},
}

/** A lookout that never notices anything. */
export const blindLookout: Lookout = { look: async () => ({ waiting: [], amiss: [] }) }
