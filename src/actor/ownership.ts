/**
 * Spreads partitions evenly over the live workers. Ownership is only for liveness: it keeps two workers
 * from doing the same work. What makes a commit safe is the ledger's cursor.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import type { ActorFactory } from './actor.ts'
import { Lane, lockSpace } from './lane.ts'

export interface OwnershipDeps {
  readonly databaseUrl: string
  readonly pool: DatabasePool
  readonly factory: ActorFactory
  readonly partitions: number
  readonly lanes: number
  readonly clock: Clock
  readonly log: Logger
}

/** How often an owner stamps that it lives. */
const stampEveryMs = 500
/** An owner that has not stamped for so long is put down. */
const silentSeconds = 2

const Survey = z.object({
  partition: z.number(),
  mine: z.boolean(),
  locked: z.boolean(),
  silent: z.boolean(),
  owner_pid: z.number().nullable(),
})
type Survey = z.infer<typeof Survey>

export class Ownership {
  readonly workerId = newId()
  readonly #deps: OwnershipDeps
  readonly #lanes: Lane[]
  readonly #stopping = new AbortController()
  /** Partitions that nobody held when last looked: nobody's twice in a row is free for all. */
  #orphans = new Set<number>()
  #running: Promise<void> | undefined

  constructor(deps: OwnershipDeps) {
    this.#deps = deps
    const { databaseUrl, factory, clock, log } = deps
    this.#lanes = Array.from(
      { length: deps.lanes },
      () => new Lane({ databaseUrl, workerId: this.workerId, factory, clock, log }),
    )
  }

  get owned(): number[] {
    return this.#lanes.flatMap((lane) => lane.owned)
  }

  start(): void {
    for (const lane of this.#lanes) lane.start()
    this.#running = this.#run()
  }

  /** Hands everything over: the next worker may claim at once. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await Promise.all(this.#lanes.map((lane) => lane.stop()))
    await this.#deps.pool
      .query(sql.typeAlias('none')`delete from workers where id = ${this.workerId}`)
      .catch(() => {})
  }

  wake(partition: number): void {
    this.#lane(partition).wake(partition)
  }

  wakeAll(): void {
    for (const lane of this.#lanes) lane.wakeAll()
  }

  #lane(partition: number): Lane {
    return this.#lanes[partition % this.#lanes.length] as Lane
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#tick()
      } catch (error) {
        log.warn({ err: error }, 'ownership could not be looked after')
      }
      await clock.sleep(stampEveryMs, this.#stopping.signal)
    }
  }

  async #tick(): Promise<void> {
    const { pool, partitions } = this.#deps
    const live = await this.#stamp()
    const share = Math.ceil(partitions / live)
    const owned = this.owned
    for (const partition of owned.slice(share)) {
      await this.#lane(partition).release(partition)
    }
    const survey = await pool.any(sql.type(Survey)`
      select p.partition, p.worker_id is not distinct from ${this.workerId} as mine,
        l.pid is not null as locked, p.owner_pid,
        coalesce(p.seen_at < now() - make_interval(secs => ${silentSeconds}), true) as silent
      from partitions p
      left join pg_locks l on l.locktype = 'advisory' and l.classid = ${lockSpace}
        and l.objid = p.partition::int::oid and l.objsubid = 2 and l.granted
        and l.database = (select oid from pg_database where datname = current_database())
      order by p.partition`)
    await this.#claim(survey, share)
  }

  /** Says that this worker and its partitions live; answers how many workers do. */
  async #stamp(): Promise<number> {
    const owned = this.owned
    const row = await this.#deps.pool.one(sql.type(z.object({ live: z.number() }))`
      with me as (
        insert into workers (id) values (${this.workerId})
        on conflict (id) do update set seen_at = now()),
      mine as (
        update partitions set seen_at = now()
        where worker_id = ${this.workerId} and partition = any(${sql.array(owned, 'int2')})),
      dead as (
        delete from workers where seen_at < now() - interval '1 minute')
      select count(*)::int + 1 as live from workers
      where id <> ${this.workerId} and seen_at > now() - make_interval(secs => ${silentSeconds})`)
    return row.live
  }

  async #claim(survey: readonly Survey[], share: number): Promise<void> {
    const mine = new Set(this.owned)
    const orphans = new Set(
      survey.filter(({ locked }) => !locked).map(({ partition }) => partition),
    )
    for (const row of survey) {
      if (this.#stopping.signal.aborted) return
      if (mine.has(row.partition)) continue
      const abandoned = orphans.has(row.partition) && this.#orphans.has(row.partition)
      if (mine.size >= share && !abandoned) continue
      if (row.locked && !row.silent) continue
      if (row.locked && row.owner_pid !== null) await this.#putDown(row)
      if (await this.#lane(row.partition).claim(row.partition)) mine.add(row.partition)
    }
    this.#orphans = orphans
  }

  /**
   * Ends the back end of an owner that has been silent for 2 s by PostgreSQL's clock. If it only seemed
   * dead, its next commit finds no connection, and it steps down.
   */
  async #putDown({ partition, owner_pid: pid }: Survey): Promise<void> {
    this.#deps.log.warn({ partition, pid }, 'a silent owner is put down')
    await this.#deps.pool.query(sql.typeAlias('none')`
      select from (
        select pg_terminate_backend(a.pid, 1000) from pg_stat_activity a join partitions p on p.owner_pid = a.pid
        where a.pid = ${pid} and p.partition = ${partition} and a.application_name like 'sluice-lane %'
          and p.seen_at < now() - make_interval(secs => ${silentSeconds})
        limit 1) as ended`)
  }
}
