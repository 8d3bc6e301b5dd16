/**
 * The workers' register in PostgreSQL: the tables `workers` and `partitions`, and its view of its
 * own locks.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { laneName, lockSpace } from './pg-sessions.ts'
import { type OwnerRegistry, type Survey, silentSeconds } from './ports.ts'

/** What one worker's view of the register is made of. */
export interface PgOwnerRegistryDeps {
  /** Not the jobs': what jobs hold up must not make an owner look dead. */
  readonly pool: DatabasePool
  readonly workerId: string
}

/**
 * The register as the ownership of one worker sees it. Time is PostgreSQL's. Errors are those of
 * the pool.
 */
export class PgOwnerRegistry implements OwnerRegistry {
  readonly #pool: DatabasePool
  readonly #workerId: string

  constructor({ pool, workerId }: PgOwnerRegistryDeps) {
    this.#pool = pool
    this.#workerId = workerId
  }

  async stamp(partitions: readonly number[]): Promise<void> {
    // Who has lost partitions, and does not know yet, meets those who take them over: all lock the
    // rows in one order, so that nobody waits in a circle.
    await this.#pool.query(sql.typeAlias('none')`
      with me as (
        insert into workers (id) values (${this.#workerId})
        on conflict (id) do update set seen_at = now()),
      dead as (
        delete from workers where seen_at < now() - interval '1 minute'),
      mine as materialized (
        select partition from partitions
         where worker_id = ${this.#workerId} and partition = any(${sql.array([...partitions], 'int2')})
         order by partition for update)
      update partitions set seen_at = now() where partition in (select partition from mine)`)
  }

  async survey(): Promise<Survey> {
    const rows = await this.#pool.any(sql.type(SeenRow)`
      select p.partition, l.pid is not null as locked, p.owner_pid as session,
        coalesce(p.seen_at < now() - make_interval(secs => ${silentSeconds}), true) as silent,
        others.count as others
      from partitions p
      cross join (select count(*)::int from workers
        where id <> ${this.#workerId} and seen_at > now() - make_interval(secs => ${silentSeconds})) as others
      left join pg_locks l on l.locktype = 'advisory' and l.classid = ${lockSpace}
        and l.objid = p.partition::int::oid and l.objsubid = 2 and l.granted
        and l.database = (select oid from pg_database where datname = current_database())
      order by p.partition`)
    return {
      liveWorkers: (rows[0]?.others ?? 0) + 1,
      partitions: rows.map(({ others: _, ...seen }) => seen),
    }
  }

  async putDown(partition: number, session: number): Promise<void> {
    await this.#pool.query(sql.typeAlias('none')`
      select from (
        select pg_terminate_backend(a.pid, 1000) from pg_stat_activity a join partitions p on p.owner_pid = a.pid
        where a.pid = ${session} and p.partition = ${partition} and a.application_name like ${`${laneName}%`}
          and p.seen_at < now() - make_interval(secs => ${silentSeconds})
        limit 1) as ended`)
  }

  async signOff(): Promise<void> {
    await this.#pool.query(sql.typeAlias('none')`
      update workers set seen_at = least(seen_at, now() - make_interval(secs => ${silentSeconds}))
       where id = ${this.#workerId}`)
  }
}

const SeenRow = z.object({
  partition: z.number(),
  locked: z.boolean(),
  silent: z.boolean(),
  session: z.number().nullable(),
  others: z.number(),
})
