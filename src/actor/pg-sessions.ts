/** Sessions on PostgreSQL: a pipelined connection each, whose advisory locks fall when it ends. */
import type { Clock } from '../kernel/clock.ts'
import { PipelinedConnection } from '../platform/postgres/pipeline.ts'
import type { Session, Sessions } from './ports.ts'

/**
 * The first half of a partition's advisory lock; the partition is the second. Lanes lock with it,
 * the register looks for it.
 */
export const lockSpace = 5_118_741

/**
 * How the application's name of a lane's connection begins, so that the register ends no other back
 * end.
 */
export const laneName = 'sluice-lane '

/** What sessions of one worker are made of. */
export interface PgSessionsDeps<Store> {
  readonly databaseUrl: string
  readonly workerId: string
  readonly clock: Clock
  /** What actors get of the connection. */
  readonly storeOn: (connection: PipelinedConnection) => Store
}

/**
 * The sessions of a worker on the database of `databaseUrl`. Made where a worker is connected;
 * opened by lanes. `open` rejects within 3 s when PostgreSQL does not answer.
 */
export function pgSessions<Store>(deps: PgSessionsDeps<Store>): Sessions<Store> {
  const { databaseUrl, workerId, clock, storeOn } = deps
  return {
    async open(onLost) {
      const connection = await PipelinedConnection.open(databaseUrl, {
        name: `${laneName}${workerId}`,
        onLost,
        clock,
      })
      return new PgSession(connection, workerId, storeOn(connection))
    },
  }
}

class PgSession<Store> implements Session<Store> {
  readonly store: Store
  readonly #connection: PipelinedConnection
  readonly #workerId: string

  constructor(connection: PipelinedConnection, workerId: string, store: Store) {
    this.#connection = connection
    this.#workerId = workerId
    this.store = store
  }

  get lost(): boolean {
    return this.#connection.lost
  }

  async tryLock(partitions: readonly number[]): Promise<readonly number[]> {
    const rows = await this.#connection.query({
      name: 'try-lock',
      // Rows are locked in one order by all who lock several: none of them waits in a circle.
      text: `with free as materialized (
            select partition from unnest($2::int2[]) as asked (partition)
             where pg_try_advisory_lock($1, partition)),
          mine as materialized (
            select partition from partitions where partition in (select partition from free)
             order by partition for update)
        update partitions set worker_id = $3, owner_pid = pg_backend_pid(), seen_at = now()
         where partition in (select partition from mine) returning partition`,
      values: [lockSpace, partitions, this.#workerId],
    })
    return rows.map(({ partition }) => partition as number)
  }

  async unlock(partition: number): Promise<void> {
    await this.#connection.query({
      name: 'give-back',
      text: `with gone as (update partitions set worker_id = null, owner_pid = null
          where partition = $2 and owner_pid = pg_backend_pid())
        select pg_advisory_unlock($1, $2)`,
      values: [lockSpace, partition],
    })
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
